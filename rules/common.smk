# What several stages need: the checked config, the names in it, and how a job finds its place and its device.

import json
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Also when only Snakemake is installed here and the jobs run in environments of their own.
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from kindred import fingerprint, origins, tiles
from kindred.config import channels, check, layer_choice, model_entries, model_entry, named_layers
from kindred.crosscheck import INVERTED_ONLY
from kindred.errors import BadInput

try:
    checked = check(config, workflow.configfiles)
    # In place, so that scripts see the same config as rules.
    config.clear()
    config.update(checked)
    if workflow.is_main_process and named_layers(config):
        # Only a study that names layers one by one pays for building its models before any job starts.
        from kindred import preflight

        preflight.check_layers(config)
except BadInput as error:
    raise WorkflowError(f"config: {error}")


def canonical(value):
    """The same settings with keys in one order, so that moving lines about in a config changes nothing."""
    return json.loads(json.dumps(value, sort_keys=True))


MODELS = list(config["models"])
# Models and attacks of the study, and behind them those that only cianfarani2022 makes.
EVERY_MODEL = model_entries(config)
TRAINED = [name for name, entry in EVERY_MODEL.items() if "training" in entry]
# Of the others snapshots are kept on the way (rules/cianfarani.smk).
TRAINED_PLAINLY = [
    name
    for name in TRAINED
    if name not in ((config["cianfarani"] or {}).get("epochs") or {"models": []})["models"]
]
IMPORTED = [name for name in EVERY_MODEL if name not in TRAINED]
ATTACKS = list(config["attacks"])
EVERY_ATTACK = {**config["attacks"], **(config["cianfarani"] or {"attacks": {}})["attacks"]}
INVERSIONS = list(config["inversions"])
FIGURES = {
    name: canonical(options) for name, options in config["figures"].items() if isinstance(options, dict)
}
LAYER_PAIRS = config["similarity"]["layer_pairs"]
if LAYER_PAIRS == "all":
    LAYER_PAIRS = [[a, b] for at, a in enumerate(MODELS) for b in MODELS[at:]]
GALLERY = FIGURES.get("gallery", {"inversion": "", "models": [], "examples": 0})
GROUP_COUNT = config["similarity"]["groups"]
GROUPS = tiles.deal(MODELS, GROUP_COUNT)
UNORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS if a <= b]
ORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS]

# Contents of the files that the user brings, remembered by size and time so that a start does not read them all.
HASHES = Path(".snakemake") / "kindred" / "hashes.json"

# GPUs are counted without importing torch; on a login node without one, say `device: cuda`.
GPUS = int(
    config["device"] in ("cuda", "mps")
    or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)


def growing(mem_mb):
    """Memory in MB that is doubled and tripled when a job is tried again (`retries` in a profile)."""
    return lambda wildcards, attempt: mem_mb * attempt


def one_of(names):
    """A wildcard constraint: exactly these names, and nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    model=one_of(EVERY_MODEL),
    attack=one_of(EVERY_ATTACK),
    inversion=one_of(INVERSIONS),
    stimuli=f"natural|({one_of([*EVERY_ATTACK, *INVERSIONS])})@({one_of(EVERY_MODEL)})",
    tile=one_of(ORDERED_TILES),


def tile_models(tile):
    """The models of a tile, those of its first group before those of its second, each once."""
    a, b = map(int, tile.split("x"))
    return list(dict.fromkeys(GROUPS.get(a, []) + GROUPS.get(b, [])))


def group(tile, side):
    """The models of a tile's first (0) or second (1) group."""
    return GROUPS[int(tile.split("x")[side])]
