"""What the pipeline itself costs: CPU time of a Snakemake run against that of the same work in one process.

    python tests/benchmarks/overhead.py [--config config.yaml] [--cores N] [--targets NAME ...] [--csv FILE]

Both run the same scripts with the same inputs, from nothing, in folders of their own and with one thread a job, so
neither can leave anything out. The one process runs every script inside Snakemake's own and counts what the scripts
take alone; it imports everything once. From that are taken off, as a study that kept all in memory would not have
them: reading and writing stores, and reading models again. What is left is the work, to which the whole run of
Snakemake, with all that it starts, is set in proportion.
"""

import argparse
import csv
import json
import os
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "rules", "scripts", "envs", "profiles", "studies")
# Of which module of `kindred` which functions are no work but the price of separate jobs.
HANDING_OVER = {
    "stores": {"store": ("put", "reserve", "open_group"), "images": ("load", "write")},
    "models read again": {"checkpoints": ("load",)},
}
CLOCK = time.process_time


def alone(result: Path, arguments: list[str]) -> None:
    """Snakemake with every script run inside its own process; CPU seconds by what they went into, as JSON."""
    from snakemake import cli, script
    from snakemake.benchmark import benchmarked

    spent: Counter[str] = Counter()
    ledger = Ledger(spent)

    def execute(self: Any, file: str, edit: bool = False) -> None:
        path = list(sys.path)
        try:
            with benchmarked(benchmark_record=self.bench_record), ledger.clocked("work"):
                ledger.watch()
                runpy.run_path(file, run_name="__main__")
        finally:
            sys.path[:] = path
        spent["jobs"] += 1

    script.PythonScript.execute_script = execute
    try:
        cli.main(arguments)
    except SystemExit as end:
        if end.code:
            raise
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent["process"] = usage.ru_utime + usage.ru_stime  # type: ignore[assignment]
    result.write_text(json.dumps(spent))


class Ledger:
    """CPU seconds by kind; time within a clock that runs inside another counts for the inner one alone."""

    def __init__(self, spent: Counter[str]) -> None:
        self.spent = spent
        self.running: list[str] = []
        self.since = 0.0
        self.watched: set[str] = set()

    def _turn(self) -> None:
        now = CLOCK()
        if self.running:
            self.spent[self.running[-1]] += now - self.since  # type: ignore[assignment]
        self.since = now

    @contextmanager
    def clocked(self, kind: str) -> Iterator[None]:
        self._turn()
        self.running.append(kind)
        try:
            yield
        finally:
            self._turn()
            self.running.pop()

    def watch(self) -> None:
        """Put clocks around what hands results over, before a script takes hold of it."""
        import zarr
        from kindred.images import images
        from kindred.models import storage
        from kindred.workflow import store

        if self.watched:
            return
        self.watched = {"store"}
        modules: dict[str, Any] = {"store": store, "images": images, "checkpoints": storage}
        for kind, places in HANDING_OVER.items():
            for module, names in places.items():
                for name in names:
                    setattr(modules[module], name, self._around(kind, getattr(modules[module], name)))
        for method in ("__getitem__", "__setitem__", "get_orthogonal_selection"):
            setattr(zarr.Array, method, self._around("stores", getattr(zarr.Array, method)))

    def _around(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*args: Any, **options: Any) -> Any:
            with self.clocked(self.running[-1] if kind in self.running else kind):
                return function(*args, **options)

        return counted


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of a command and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def checkout(place: Path, study: Path) -> Path:
    """The pipeline in a folder of its own, with the study as its config.yaml."""
    place.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.exists():
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, place / name)
    shutil.copy2(study, place / "config.yaml")
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml", help="the study to run")
    parser.add_argument("--cores", default="2", help="jobs at a time of the Snakemake run")
    parser.add_argument("--targets", nargs="*", default=["all"], help="what to make")
    parser.add_argument("--csv", type=Path, help="write the result there too")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(given.alone, ["--cores", "1", *given.targets])
        return
    with tempfile.TemporaryDirectory() as place:
        first, second = (checkout(Path(place) / name, given.config.resolve()) for name in ("one", "many"))
        found = Path(place) / "found.json"
        command = [sys.executable, str(Path(__file__).resolve()), "--alone", str(found)]
        _, one_wall = measured([*command, "--targets", *given.targets], first)
        spent = json.loads(found.read_text())
        cpu, wall = measured([sys.executable, "-m", "snakemake", "--cores", given.cores, *given.targets], second)
        results = [len(list((side / "results").rglob("*.*"))) for side in (first, second)]
    if results[0] != results[1]:
        sys.exit(f"the one process made {results[0]} files and Snakemake {results[1]}; they did not do the same.")
    work, handing = spent["work"], {kind: spent.get(kind, 0.0) for kind in HANDING_OVER}
    own = spent["process"] - work - sum(handing.values())
    rows = [
        ("work, in one process", work, None),
        *((kind, seconds, None) for kind, seconds in handing.items()),
        ("Snakemake itself, every job in its process", own, None),
        ("starting Python and importing, once a job", cpu - spent["process"], None),
        ("the whole run of Snakemake", cpu, wall),
        ("the one process, with Snakemake itself", spent["process"], one_wall),
        ("ratio: the whole run / work", cpu / work, None),
        ("ratio: the whole run / work with stores and models", cpu / (work + sum(handing.values())), None),
    ]
    print(f"{spent['jobs']} scripts, {results[0]} files in each run")
    print(f"{'':54}{'CPU s':>10}{'wall s':>10}")
    for name, seconds, clock in rows:
        print(f"{name:54}{seconds:10.4g}{'' if clock is None else f'{clock:10.4g}'}")
    if given.csv:
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows([("what", "cpu", "wall"), *rows])


if __name__ == "__main__":
    main()
