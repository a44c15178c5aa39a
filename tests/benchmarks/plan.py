"""How long Snakemake plans: CPU and wall seconds, memory and jobs of dry runs of studies of many models.

usage: python tests/benchmarks/plan.py [MODELS:GROUPS ...]

Each study is planned twice: with nothing there, and after its models were finished as far as Snakemake can tell.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetic import pretend, synthetic


def measured(study) -> str:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    jobs = study.plan("--quiet", "rules")
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{sum(jobs.values()):6d} jobs  {cpu:6.1f} s CPU  {wall:6.1f} s  at most {after.ru_maxrss / 1024:.0f} MB"


def main() -> None:
    for size in sys.argv[1:] or ["69:8", "1000:16"]:
        models, groups = map(int, size.split(":"))
        with tempfile.TemporaryDirectory() as folder:
            study = synthetic(Path(folder) / "kindred", models, groups)
            print(f"{models} models in {groups} groups, nothing there: {measured(study)}", flush=True)
            pretend(study)
            print(f"{models} models in {groups} groups, finished:      {measured(study)}", flush=True)


if __name__ == "__main__":
    main()
