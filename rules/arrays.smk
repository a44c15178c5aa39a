# A task of a SLURM job array goes on as its own job, not as the first one of its array (kindred.arrayjobs says why).

import os

from kindred import arrayjobs

if command := arrayjobs.own_command(sys.argv, os.environ):
    os.execv("/bin/sh", ["/bin/sh", "-c", command])
