"""Continuation after a run that was killed: its lock is removed once no other run can be alive.

Snakemake leaves its lock in .snakemake/locks when it is killed, and its jobs alive. Jobs watch the process
that started them and end with it (`job.py`). Here every run shares a lock of the operating system as long as
it lives: a run that gets it exclusively is the only one, so any lock in .snakemake/locks is stale.
"""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

from kindred.workflow.job import STARTER


def take_over(warn: Callable[[str], object], folder: Path = Path(".snakemake")) -> IO[str] | None:
    """Remove the lock of a dead run, and hold a shared lock.

    warn: called with a message where a lock is removed. Returns the open file, whose lock is held as long as
    it is open; None where the file system has no locks. On some network file systems runs on several machines
    do not see each other's locks, so only locks of this machine are removed.
    """
    os.environ[STARTER] = str(os.getpid())
    held = None
    try:
        alive = folder / "kindred" / "alive"
        alive.parent.mkdir(parents=True, exist_ok=True)
        held = alive.open("a+", encoding="utf-8")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            _clear(folder / "locks", held, warn)
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        pass  # a file system without locks, or a read-only one
    return held


def _clear(locks: Path, held: IO[str], warn: Callable[[str], object]) -> None:
    """Remove the locks of a dead run of this machine, or record that this machine is working here."""
    held.seek(0)
    if locks.is_dir() and any(locks.iterdir()):
        if held.read() == socket.gethostname():
            warn("The last run here was killed; continuing from its results.")
            shutil.rmtree(locks)
        return
    held.truncate(0)
    held.write(socket.gethostname())
    held.flush()
