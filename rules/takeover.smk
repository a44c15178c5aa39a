# A run that was killed goes on with the command that it was started with: its jobs end with it, and the lock that
# Snakemake leaves in .snakemake/locks is removed by the next run, once it is certain that nobody works here any more.

import fcntl
import os
import socket

# Jobs watch the process that started them (kindred.job).
os.environ.update(KINDRED_SNAKEMAKE=str(os.getpid()))


def take_over():
    """Remove the lock of a run that is dead, and hold one that ends with this process.

    Every run shares a lock of the operating system for as long as it lives. Who gets it alone is the only one, so what
    lies in .snakemake/locks is left by the dead. On some network file systems runs of several machines do not see each
    other's locks, so nothing is removed but what was left by this machine.
    """
    alive = Path(".snakemake") / "kindred" / "alive"
    held = None
    try:
        alive.parent.mkdir(parents=True, exist_ok=True)
        held = alive.open("a+", encoding="utf-8")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            held.seek(0)
            left = Path(".snakemake") / "locks"
            if left.is_dir() and any(left.iterdir()):
                if held.read() == socket.gethostname():
                    logger.info("The last run here was killed; going on where it was.")
                    shutil.rmtree(left)
            else:
                held.truncate(0)
                held.write(socket.gethostname())
                held.flush()
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        logger.debug("this file system has no locks, or may not be written")
    return held


if workflow.is_main_process:
    # As long as there is a name for it, the file is open and its lock is held.
    ALIVE = take_over()
