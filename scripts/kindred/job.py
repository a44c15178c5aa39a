"""What every job does around its work: a log, one sentence for bad input, progress that suits the place."""

import atexit
import errno
import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from kindred.errors import BadInput

Item = TypeVar("Item")
log = logging.getLogger("kindred")
QUIET_SECONDS = 20.0
WATCH_SECONDS = 0.5
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def job(log_file: str | Path, threads: int = 1) -> Iterator[None]:
    """Run a script's work with a log file, a fixed number of threads, and errors that reach the user.

    Bad input and a full disk end the process with status 1 and one sentence, on stderr and in the log. Anything else
    is a bug: its traceback goes to both. So do warnings of the package.
    """
    end_with_snakemake()
    # Python looks for garbage in all of torch once more before it ends, which takes longer than many a job.
    atexit.register(gc.freeze)
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    heard = (log, logging.getLogger("py.warnings"))
    for logger in heard:
        logger.addHandler(handler)
    # Nobody opens the log of a job that went well.
    aloud = logging.StreamHandler(sys.stderr)
    aloud.addFilter(lambda record: record.levelno == logging.WARNING)
    aloud.setFormatter(logging.Formatter("kindred: %(message)s"))
    log.addHandler(aloud)
    started = time.monotonic()
    try:
        if "torch" in sys.modules:
            # More threads than the job's share of cores makes small networks many times slower.
            sys.modules["torch"].set_num_threads(threads)
        yield
        log.info("done in %.1f s", time.monotonic() - started)
    except BadInput as error:
        _end(str(error))
    except OSError as error:
        if error.errno not in FULL:
            log.error("%s", traceback.format_exc())
            raise
        place = f", writing '{error.filename}'" if error.filename else ""
        _end(
            f"the disk is full or a quota is used up{place}; make room, and the same command goes on from here."
        )
    except Exception:
        log.error("%s", traceback.format_exc())
        raise
    finally:
        logging.captureWarnings(False)
        log.removeHandler(aloud)
        for logger in heard:
            logger.removeHandler(handler)
        handler.close()


def _end(sentence: str) -> NoReturn:
    log.error("%s", sentence)
    print(f"\nkindred: {sentence}\n", file=sys.stderr, flush=True)
    sys.exit(1)


def end_with_snakemake() -> None:
    """End this process soon after the Snakemake that started it is gone, if it was killed without a chance to say so.

    Otherwise the job would go on, and write the same result as the one that the next run starts.
    """
    starter = int(os.environ.get("KINDRED_SNAKEMAKE", "0"))
    if os.name == "posix" and _alive(starter):  # not so in a container that does not share its processes
        threading.Thread(target=_watch, args=(starter,), daemon=True).start()


def _watch(process: int) -> None:
    while _alive(process):
        time.sleep(WATCH_SECONDS)
    log.error("the Snakemake that started this job is gone, so the job ends too")
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
    """Pass items on, showing a bar on a terminal and a log line every 20 seconds elsewhere."""
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
