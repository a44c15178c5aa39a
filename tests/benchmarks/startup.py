"""What starting costs: CPU seconds of a new process until it could begin to work, and of a dry run.

The floor of the dry run is Snakemake's own with a Snakefile of one rule.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from race import Contender, Goals, Kernel

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "rules", "scripts", "envs", "profiles", "studies", "config.yaml")
# As the scripts import; the end is that of a job.
FIGURE = "from kindred.figures import similarity; from kindred.figures.layout import page, reading"
TABLE = "from kindred.tables import tables"
COMPARISON = "import torch; from kindred.similarity import comparison; from kindred.workflow import device, store"
MODEL = "import torch; from kindred.attacks import attacks; from kindred.images import images; "
MODEL += "from kindred.models import folding, storage; from kindred.workflow import device, store"


def starting(code: str, ends: bool = True) -> Callable[[], Any]:
    whole = code + ("; import atexit, gc; atexit.register(gc.freeze)" if ends else "")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    return lambda: subprocess.run([sys.executable, "-c", whole], check=True, env=environment)


def dry_run(study: bool) -> Callable[[], Any]:
    folder = Path(tempfile.mkdtemp(prefix="kindred-bench-dry-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if study:
        for name in SOURCES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
    else:
        (folder / "Snakefile").write_text('rule all:\n    output: "made"\n    shell: "touch made"\n')
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "--cores", "1"]
    return lambda: subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kernels() -> list[Kernel]:
    return [
        Kernel(
            "start-up of a job",
            "a job with a model",
            [
                Contender("python alone", partial(starting, "pass", False), floor=True),
                Contender("a figure", partial(starting, FIGURE)),
                Contender("a table", partial(starting, TABLE)),
                Contender("import torch", partial(starting, "import torch", False)),
                Contender("a comparison", partial(starting, COMPARISON)),
                Contender("a job with a model", partial(starting, MODEL)),
            ],
            clock="children",
            rounds=5,
        ),
        Kernel(
            "dry run",
            "the default study",
            [
                Contender("one rule", partial(dry_run, False), floor=True),
                Contender("the default study", partial(dry_run, True)),
            ],
            clock="children",
            rounds=5,
        ),
    ]


def targets(goals: Goals) -> None:
    run = goals.of("dry run").rows
    if {"one rule", "the default study"} <= run.keys():
        beyond = run["the default study"].median - run["one rule"].median
        goals.demand("dry run of the default study over Snakemake's own, CPU s", beyond, most=3)
