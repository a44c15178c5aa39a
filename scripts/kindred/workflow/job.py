"""The frame of every job: a log, one message for bad input, and progress on a terminal or in the log."""

import atexit
import errno
import gc
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from kindred.workflow.errors import BadInput, first_line

Item = TypeVar("Item")
log = logging.getLogger("kindred")
QUIET_SECONDS = 20.0
WATCH_SECONDS = 0.5
STARTER = "KINDRED_SNAKEMAKE"  # environment variable with the id of the process that starts the jobs
FAILURES = "KINDRED_FAILURES"  # environment variable with the file in which jobs leave why they failed
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def job(log_file: str | Path, threads: int = 1) -> Iterator[None]:
    """Run a script's work with a log file, a fixed number of threads, and errors that reach the user.

    Bad input and a full disk end the process with status 1 and one message, on stderr and in the log.
    Anything else is a bug, whose traceback goes to both. Warnings of the package go to both as well.
    """
    end_with_snakemake()
    # Before it exits, Python collects garbage in all of torch, which takes longer than many a job.
    atexit.register(gc.freeze)
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    loggers = (log, logging.getLogger("py.warnings"))
    for logger in loggers:
        logger.addHandler(handler)
    # Warnings go to the terminal too, as nobody opens the log of a job that succeeded.
    console = logging.StreamHandler(sys.stderr)
    console.addFilter(lambda record: record.levelno == logging.WARNING)
    console.setFormatter(logging.Formatter("kindred: %(message)s"))
    log.addHandler(console)
    started = time.monotonic()
    try:
        if "torch" in sys.modules:
            # More threads than the job's share of cores make small networks many times slower.
            sys.modules["torch"].set_num_threads(threads)
        yield
        log.info("done in %.1f s", time.monotonic() - started)
    except BadInput as error:
        _end(log_file, str(error))
    except OSError as error:
        if error.errno not in FULL:
            log.error("%s", traceback.format_exc())
            _leave(log_file, f"{type(error).__name__}: {first_line(error)}")
            raise
        file = f" for '{error.filename}'" if error.filename else ""
        _end(None, f"no space is left on the disk or in the quota{file}; free some and run the same command again.")
    except Exception as error:
        text = traceback.format_exc()
        log.error("%s", text)
        store = sys.modules.get("kindred.workflow.store")
        # Damaged chunks end in errors of codecs, wherever a slice of an array is read.
        if store and ("zarr" in text or "numcodecs" in text) and (message := store.damaged()):
            _end(log_file, message)
        _leave(log_file, f"{type(error).__name__}: {first_line(error)}")
        raise
    finally:
        logging.captureWarnings(False)
        log.removeHandler(console)
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _leave(log_file: str | Path, reason: str) -> None:
    """Leave the reason for the run that started this job, which may go on without the model (left_out.py)."""
    if file := os.environ.get(FAILURES):
        with suppress(OSError), open(file, "a", encoding="utf-8") as left:
            left.write(json.dumps({"log": str(log_file), "reason": " ".join(reason.split())}) + "\n")


def _end(log_file: str | Path | None, message: str) -> NoReturn:
    """End the job; without its log where what failed is the machine, and no model is to be left out for it."""
    log.error("%s", message)
    if log_file is not None:
        _leave(log_file, message)
    print(f"\nkindred: {message}\n", file=sys.stderr, flush=True)
    sys.exit(1)


def end_with_snakemake() -> None:
    """End this process soon after the Snakemake that started it, should that be killed.

    Otherwise the job would continue and write the same result as the one that the next run starts.
    """
    starter = int(os.environ.get(STARTER, "0"))
    if os.name == "posix" and _alive(starter):  # a container may not share its processes
        threading.Thread(target=_watch, args=(starter,), daemon=True).start()


def _watch(process: int) -> None:
    while _alive(process):
        time.sleep(WATCH_SECONDS)
    log.error("the Snakemake that started this job has ended, so the job ends too")
    os._exit(1)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Pass items on, with a bar on a terminal and a log line every 20 seconds elsewhere."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=what, total=total, leave=False, mininterval=0.5)
        return
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > QUIET_SECONDS:
            last = time.monotonic()
            log.info("%s: %d of %s", what, done, "?" if total is None else total)
        yield item
