# A task of a SLURM job array goes on as its own job, not as the first one of its array (kindred.arrayjobs says why).

import os

from kindred import arrayjobs

if arrayjobs.lost(sys.argv, os.environ):
    raise WorkflowError(
        "this task of a job array was not told its own job; lower slurm-array-limit in the profile."
    )
if command := arrayjobs.own_command(sys.argv, os.environ):
    os.environ.update({arrayjobs.OWN: "yes"})
    os.execlp("sh", "sh", "-c", command)
