# What several stages need: the checked configuration, the names in it, and params and resources of rules.

import json
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Of this file, and not of a workflow that has this one as a module.
ROOT = Path(workflow.current_basedir).parent
SCRIPTS = ROOT / "scripts"
# Here also where only Snakemake is installed, and in jobs before the kindred of another clone in the same environment.
sys.path.insert(0, str(SCRIPTS))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")])))

from kindred.attacks.catalogue import METHODS as ATTACK_METHODS, moves
from kindred.config import entries
from kindred.config.reading import check
from kindred.figures.catalogue import FIGURES, of_study
from kindred.models import permitted
from kindred.similarity import catalogue as measures
from kindred.tables.catalogue import STUDY, TABLES
from kindred.training.catalogue import METHODS as TRAINING_METHODS
from kindred.workflow import fingerprint, left_out, takeover, tiles
from kindred.workflow.errors import BadInput, some

try:
    LEFT_OUT = left_out.left_out()
    # As the config has them; labels that follow from other settings are of no use without a model.
    LOST = {name: (config["models"] or {}).get(name) or {} for name in LEFT_OUT if name in (config["models"] or {})}
    checked = check(left_out.without(config, LEFT_OUT) if LEFT_OUT else config, workflow.configfiles)
    # In place, so that scripts see the same config as rules.
    config.clear()
    config.update(checked)
    if workflow.is_main_process and entries.named_layers(config):
        # Only a study that names layers one by one pays for building its models before any job starts.
        from kindred.activations import named_layers

        named_layers.check_layers(config)
except BadInput as error:
    raise WorkflowError(f"config: {error}")

if workflow.is_main_process:
    # As long as there is a name for it, the file is open and its lock is held.
    ALIVE = takeover.take_over(logger.warning)
    left_out.watch(Path(".snakemake") / "kindred")

MODELS = list(config["models"])
# Models and attacks of the study, and behind them those that only `layerwise` has.
EVERY_MODEL = entries.model_entries(config)
EVERY_ATTACK = entries.attack_entries(config)
TRAINED = [name for name, entry in EVERY_MODEL.items() if "training" in entry]
IMPORTED = [name for name in EVERY_MODEL if name not in TRAINED]
# Read by jobs, which inherit the environment.
os.environ[permitted.FUNCTIONS] = permitted.of_study(EVERY_MODEL.values())
ATTACKS, INVERSIONS = list(config["attacks"]), list(config["inversions"])
GROUPS = tiles.deal(MODELS, config["similarity"]["groups"])
UNORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS if a <= b]
ORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS]
# {path: figure} that the study has data for, and {figure: what it lacks}.
DRAWN, LACKING = of_study(config)
RESULTS = Path((config.get("pathvars") or {}).get("results", "results"))
# Contents of the files that the user brings, remembered by size and time so that a start does not read them all.
HASHES = Path(".snakemake") / "kindred" / "hashes.json"
# GPUs are counted without importing torch; on a login node without one, say `device: cuda`.
GPUS = int(
    config["device"] in ("cuda", "mps") or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)


def one_of(names):
    """A wildcard constraint: exactly these names, and nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    model=one_of(EVERY_MODEL),
    attack=one_of(EVERY_ATTACK),
    inversion=one_of(INVERSIONS),
    stimuli=f"natural|({one_of([*EVERY_ATTACK, *INVERSIONS])})@({one_of(EVERY_MODEL)})",
    tile=one_of(ORDERED_TILES),
    group=r"\d+",


# Params: a job runs again when one of them is not what Snakemake recorded, or an input is newer than its outputs.


def canonical(value):
    """The same settings with keys in one order, so that moving lines about in a config changes nothing."""
    return json.loads(json.dumps(value, sort_keys=True))


def uses(script, *modules):
    """Params of a rule: a fingerprint of its script and of all that it imports, and of modules from catalogues.

    modules: a name, a list of names, or a function of the wildcards that gives either; the first is the param `module`.
    """

    def named(wildcards):
        given = [each(wildcards) if callable(each) else each for each in modules]
        return [name for each in given for name in ([each] if isinstance(each, str) else each)]

    params = {"code": lambda wildcards: code_of(script, tuple(named(wildcards)))}
    if modules:
        params["module"] = lambda wildcards: next(iter(named(wildcards)), None)
    return params


@cache
def code_of(script, modules):
    return fingerprint.of_code(SCRIPTS / f"{script}.py", modules)


def content_of(*paths):
    """Fingerprints of files that the user brings: they count by content, not by time."""
    return [fingerprint.of_file(path, HASHES) for path in paths if path]


# Resources


def growing(mem_mb):
    """Memory in MB that is doubled and tripled when a job is tried again (`retries` in a profile)."""
    return lambda wildcards, attempt: mem_mb * attempt
