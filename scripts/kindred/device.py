"""Where tensors live. The choice never changes what is computed, so it is no part of any fingerprint."""

import torch

from kindred.errors import BadInput


def choose(wanted: str) -> torch.device:
    """The device for 'auto', 'cpu', 'cuda' or 'mps'; BadInput where a GPU is asked for and there is none."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput("device is 'cuda', but torch sees no CUDA device here; allowed here are auto and cpu.")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise BadInput("device is 'mps', but torch sees no Apple GPU here; allowed here are auto and cpu.")
    return torch.device(wanted)
