"""The device that tensors are on. It does not change what is computed and is part of no fingerprint."""

import torch

from kindred.workflow.errors import BadInput


def choose(wanted: str) -> torch.device:
    """The device for 'auto', 'cpu', 'cuda' or 'mps'. Raises BadInput for a GPU that torch does not see."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput("device is 'cuda', but torch sees no CUDA device here; allowed here are auto and cpu.")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise BadInput("device is 'mps', but torch sees no Apple GPU here; allowed here are auto and cpu.")
    return torch.device(wanted)
