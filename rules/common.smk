# What several stages need: the checked config, the names in it, and how a job finds its place and its device.

import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Also when only Snakemake is installed here and the jobs run in environments of their own.
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from kindred import fingerprint, tiles
from kindred.config import check, model_entry, named_layers
from kindred.errors import BadInput

try:
    config = check(config, workflow.configfiles)
    if workflow.is_main_process and named_layers(config):
        # Only a study that names layers one by one pays for building its models before any job starts.
        from kindred import preflight

        preflight.check_layers(config)
except BadInput as error:
    raise WorkflowError(f"config: {error}")


MODELS = list(config["models"])
TRAINED = [name for name, entry in config["models"].items() if "training" in entry]
IMPORTED = [name for name in MODELS if name not in TRAINED]
ATTACKS = list(config["attacks"])
INVERSIONS = list(config["inversions"])
FIGURES = {
    name: options
    for name, options in config["figures"].items()
    if isinstance(options, dict)
}
LAYER_PAIRS = config["similarity"]["layer_pairs"]
if LAYER_PAIRS == "all":
    LAYER_PAIRS = [[a, b] for at, a in enumerate(MODELS) for b in MODELS[at:]]
GALLERY = FIGURES.get("gallery", {"inversion": "", "models": [], "examples": 0})
GROUPS = tiles.deal(MODELS, config["similarity"]["groups"])
UNORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS if a <= b]
ORDERED_TILES = [f"{a}x{b}" for a in GROUPS for b in GROUPS]

# GPUs are counted without importing torch; on a login node without one, say `device: cuda`.
GPUS = int(
    config["device"] in ("cuda", "mps")
    or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)


def one_of(names):
    """A wildcard constraint: exactly these names, and nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    model=one_of(MODELS),
    attack=one_of(ATTACKS),
    inversion=one_of(INVERSIONS),
    stimuli=r"[A-Za-z0-9._+@-]+",
    a=r"\d+",
    b=r"\d+",


def stimuli_store(stimuli):
    """Where the images are that `natural` or `attack@model` or `inversion@model` stands for."""
    if stimuli == "natural":
        return "<results>/images/natural.zarr"
    made_by, model = stimuli.split("@")
    kind = "adversarial" if made_by in ATTACKS else "inverted"
    return f"<results>/images/{kind}/{made_by}/{model}.zarr"


def weights(models):
    """The files of some models: weights, and how to build the network that they belong to."""
    return [
        ancient(f"<results>/models/{model}.{kind}")
        for model in models
        for kind in ("safetensors", "json")
    ]


def each(pattern, names):
    """One path for each name, read without regard to its age (see lineage.smk)."""
    return [ancient(pattern.format(name)) for name in names]


def tile_models(wildcards):
    """The models of a tile, those of its first group before those of its second, each once."""
    return list(
        dict.fromkeys(
            GROUPS.get(int(wildcards.a), []) + GROUPS.get(int(wildcards.b), [])
        )
    )
