"""A checkout of the project in a folder of its own, to run, to edit and to break, for tests of the workflow."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("Snakefile", "rules", "scripts", "envs", "profiles", "studies", "config.yaml")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TERM": "dumb"}


@dataclass(frozen=True)
class Outcome:
    """What a call of snakemake came to: exit status, all that it printed, and the jobs it planned or ran."""

    status: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        found: dict[str, int] = {}
        if tables := re.findall(r"^Job stats:\n(?:.*\n){2}((?:\S+ +\d+\n)+)", self.text, re.M):
            for name, count in re.findall(r"^(\S+) +(\d+)$", tables[-1], re.M):
                if name not in ("total", "all"):
                    found[name] = int(count)
        return found


class Checkout:
    """The sources of the project, copied to `folder`, with `study` as its only config file."""

    def __init__(self, folder: Path, study: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in SOURCES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)
        if study is not None:
            shutil.copy2(study, folder / "config.yaml")

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def snakemake(self, *arguments: str, **environment: str) -> Outcome:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **ONE_THREAD, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def plan(self, *arguments: str) -> dict[str, int]:
        """Jobs that a run would do now, by rule; fails the test where planning fails."""
        outcome = self.snakemake("--dry-run", *arguments)
        assert outcome.status == 0, outcome.text
        return outcome.jobs

    def config(self) -> dict:
        return yaml.safe_load((self / "config.yaml").read_text())

    def write_config(self, config: dict) -> None:
        (self / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))

    def copy(self, folder: Path) -> "Checkout":
        """The same again with results and Snakemake's memory of them, file times kept."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout.at(folder)

    @staticmethod
    def at(folder: Path) -> "Checkout":
        """One that is there already."""
        found = object.__new__(Checkout)
        found.folder = folder
        return found
