"""Which command a task of a SLURM job array is to run: each its own, none that of the first.

Version 2.8 of Snakemake's SLURM plugin gives all tasks of an array the command of the first job, with those of the
others as a compressed argument. A task then runs its own command below the first job's and, once that has ended,
waits for the first job's outputs and fails without them (its issue 447). A task that takes its own command in the
place of the shared one looks after its own outputs, as any single job does.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence

ARGUMENT = "--slurm-jobstep-array-execs"
OWN = "KINDRED_ARRAY_TASK"  # set by the task that has found its command, for itself and what it starts


def own_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The shell command in `arguments` (of this process) for the array task in `environment`; None where there is none.

    There is none outside of arrays, and for the first task, whose command is the one that runs already.
    """
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if task is None:
        return None
    for place, argument in enumerate(arguments):
        name, given, value = argument.partition("=")
        if name == ARGUMENT:
            if not given:
                value = arguments[place + 1]
            commands = json.loads(base64.b64decode(value))
            return zlib.decompress(bytes.fromhex(commands[task])).decode() if task in commands else None
    return None


def lost(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether this process is a task of an array with the command of the first one and none of its own.

    The plugin hands commands over in one argument, and where they are longer than an argument may be (128 KiB on
    Linux) in a script that does not bring them to Snakemake: every task would make the first job's result.
    """
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if task is None or task == environment.get("SLURM_ARRAY_TASK_MIN") or OWN in environment:
        return False
    return "slurm-jobstep" in arguments and own_command(arguments, environment) is None
