"""`snakemake --keep-going`: models of which a job failed are left out, and the study of the others is made.

Jobs leave the reasons of failures in a file. When Snakemake has done all it could, the same command is run once more on
a config without those models. What is left out is told in `models.csv` and last on the terminal, and the exit status
stays that of a failure, so that a result that is missing is never mistaken for a small study.
"""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from kindred.workflow.job import FAILURES

LEFT_OUT = "KINDRED_LEFT_OUT"  # environment variable: JSON {model: reason}, in the second run and in its jobs
# Rules with one model, which the name of their log has; a failed comparison is nobody's fault alone.
OF_A_MODEL = frozenset(
    {
        "attack_model",
        "convert_checkpoint",
        "evaluate_snapshots",
        "extract_activations",
        "import_checkpoint",
        "invert_images",
        "train_model",
        "train_snapshots",
    }
)
# Without any entry under one of these, the section they stand in has nothing to do.
PURPOSE = ("models", "students", "teachers")


def left_out() -> dict[str, str]:
    """{model: reason} of the models that this run leaves out."""
    return dict(json.loads(os.environ.get(LEFT_OUT, "{}")))


def without(config: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A config, as written, without these models and what it says of them.

    Sections whose models are all left out are left out too. Names of architectures, trainings and attacks stay.
    """
    kept = {key: value if key in ("models", "images") else _cut(value, names) for key, value in config.items()}
    kept["models"] = {name: entry for name, entry in (config.get("models") or {}).items() if name not in names}
    own = config.get("layerwise")
    if isinstance(own, Mapping) and own.get("models"):
        section = _cut({key: value for key, value in own.items() if key not in ("models", "attacks")}, names)
        models = {name: entry for name, entry in own["models"].items() if name not in names}
        kept["layerwise"] = {**section, "models": models, **({"attacks": own["attacks"]} if "attacks" in own else {})}
    return kept


def _cut(value: Any, names: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        cut = {}
        for key, own in value.items():
            below = _cut(own, names)
            if isinstance(own, list) and own and not below:
                if key in PURPOSE:
                    return {}
                continue
            if isinstance(own, Mapping) and own and not below:
                continue
            cut[key] = below
        return cut
    if isinstance(value, list):
        return [_cut(each, names) for each in value if not _mentions(each, names)]
    return value


def _mentions(value: Any, names: Collection[str]) -> bool:
    """Whether an entry of a list is one of these models, its images (`attack@model`), or has one of them within."""
    if isinstance(value, Mapping):
        return any(_mentions(each, names) for each in value.values())
    if isinstance(value, list):
        return any(_mentions(each, names) for each in value)
    return isinstance(value, str) and value.rpartition("@")[2] in names


def watch(folder: Path) -> None:
    """Have the jobs of this run leave the reasons of their failures in a file under folder."""
    if LEFT_OUT not in os.environ:  # the second run adds to the file of the first
        # Of this run alone: a dry run may be made beside it.
        file = folder.absolute() / f"failures-{os.getpid()}.jsonl"
        os.environ[FAILURES] = str(file)
        atexit.register(file.unlink, missing_ok=True)


def failed(models: Collection[str]) -> dict[str, str]:
    """{model: reason} of the models of which a job failed, as the jobs of this run left them."""
    file = Path(os.environ.get(FAILURES, ""))
    found: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        about = json.loads(line)
        parts = Path(about["log"]).parts
        rule = next((part for part in parts if part in OF_A_MODEL), None)
        named = parts[-2] if rule == "extract_activations" else parts[-1].removesuffix(".log")
        if rule and named in models:
            found.setdefault(named, about["reason"])
    return found


def go_on(models: Collection[str], keep_going: bool, say: Callable[[str], object]) -> None:
    """Where a run has failed: with keep_going, run it again without the models of which a job failed.

    Told again last, when Snakemake has said that not all jobs were done.
    """
    if LEFT_OUT in os.environ:
        return  # the first run goes on
    reasons: dict[str, str] = {}
    status = 1
    while keep_going:
        new = {name: reason for name, reason in failed(models).items() if name not in reasons}
        reasons |= new
        if not new or len(reasons) == len(models) or _asked_for(reasons):
            break
        say(f"Going on without {', '.join(map(repr, reasons))}, of which a job failed.")
        environment = {**os.environ, LEFT_OUT: json.dumps(reasons)}
        # The lock is held by this run.
        command = [sys.executable, "-m", "snakemake", *sys.argv[1:], "--nolock"]
        status = subprocess.run(command, env=environment, check=False).returncode
        if status == 0:
            break
    reasons = reasons or failed(models)
    if reasons:
        atexit.register(_tell, reasons, keep_going, status == 0)


def _asked_for(names: Collection[str]) -> bool:
    """Whether the command asks for a result of one of these models by its path."""
    return any(name in (*Path(word).parts, Path(word).stem) for word in sys.argv[1:] if "/" in word for name in names)


def _tell(reasons: Mapping[str, str], keep_going: bool, whole: bool) -> None:
    lines = [f"{name}: {reason}" for name, reason in reasons.items()]
    many = "model" if len(reasons) == 1 else "models"
    if whole:
        head = f"everything was made but for {len(reasons)} {many}, left out of tables and figures:"
    else:
        head = f"{len(reasons)} {many} failed:"
    if not keep_going:
        lines.append("With --keep-going, tables and figures of the other models are made.")
    print(f"\nkindred: {head}", *lines, sep="\n  ", file=sys.stderr, flush=True)
