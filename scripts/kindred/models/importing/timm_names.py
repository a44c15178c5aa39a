"""Names of timm's models and files. Light: no torch."""

from collections.abc import Sequence

HUB, FOLDER = "hf-hub:", "local-dir:"
# Files that may hold the weights of a folder or a repository, the preferred ones first.
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")


def weights_among(names: Sequence[str]) -> str:
    """The file with the weights among those of a folder; the most preferred name where there is none."""
    return next((name for name in WEIGHTS if name in names), WEIGHTS[0])
