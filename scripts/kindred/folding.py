"""A copy of a classifier that is cheaper to descend: the same answers up to rounding, in less time and memory.

Batch normalisation in evaluation mode is an affine map of each channel, which the convolution before it can take
over; with it goes a pass over memory in both directions. Convolutions keep their channels last, which is how they are
computed. In bfloat16 the network (not its normalisation of pixels, nor what becomes of its logits) computes with
eight bits, on hardware that multiplies them several times as fast.
"""

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from kindred.errors import BadInput
from kindred.models import Classifier, called
from kindred.penultimate import own_images

Precision = Literal["float32", "bfloat16"]

CLOSE = 1e-4  # of the largest logit: what folding may change, which is rounding


class Rounded(Classifier):
    """A classifier whose network computes in bfloat16; takes and gives float32."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.prepare(x).bfloat16()).float()


@torch.no_grad()
def folded(classifier: Classifier, precision: Precision = "float32") -> Classifier:
    """A frozen copy in evaluation mode, on the same device; the classifier itself stays as it is.

    A network whose answers to two images would change by more than rounding (a convolution whose output is used twice,
    say) is left unfolded. Raises BadInput for another precision, and for a network that cannot compute in it.
    """
    if precision not in ("float32", "bfloat16"):
        raise BadInput(f"precision is {precision!r}; it must be float32 or bfloat16.")
    plain = copy.deepcopy(classifier).eval().requires_grad_(False)
    shown = own_images(plain)
    truth = plain(shown)
    made = copy.deepcopy(plain)
    _fold(made, shown)
    if not _close(made(shown), truth):
        made = plain
    made = made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if precision == "float32":
        return made
    rounded = Rounded(made.net.bfloat16(), classifier.description).to(shown.device).eval()
    try:
        finite = bool(torch.isfinite(rounded(shown)).all())
    except (RuntimeError, NotImplementedError) as error:
        raise BadInput(
            f"{called(classifier)} does not compute in bfloat16 here ({str(error).partition(chr(10))[0]}); "
            "leave its precision at float32."
        ) from error
    if not finite:
        raise BadInput(
            f"{called(classifier)} says NaN or infinity in bfloat16; leave its precision at float32."
        )
    return rounded


def _close(found: Tensor, truth: Tensor) -> bool:
    return bool((found - truth).abs().max() <= CLOSE * truth.abs().max())


def _fold(classifier: Classifier, shown: Tensor) -> None:
    """Give every convolution the normalisation that takes its output, where each of the two is called once."""
    for conv, name in _followed(classifier, shown):
        norm = classifier.net.get_submodule(name)
        rest = _beyond(norm)
        if rest is None:
            continue
        assert (
            isinstance(norm, nn.BatchNorm2d)
            and norm.running_var is not None
            and norm.running_mean is not None
        )
        scale = (norm.running_var.double() + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight.double()
        shift = -norm.running_mean.double() if conv.bias is None else conv.bias.double() - norm.running_mean
        bias = shift * scale + (0 if norm.bias is None else norm.bias.double())
        weight = conv.weight.double() * scale.view(-1, 1, 1, 1)
        conv.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
        conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
        parent, _, own = name.rpartition(".")
        setattr(classifier.net.get_submodule(parent), own, rest)


def _beyond(norm: nn.Module) -> nn.Module | None:
    """What a batch normalisation does besides normalising; None for one of a kind that is not known."""
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
        return None
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    # timm's, which goes on with dropout and an activation.
    drop, act = (getattr(norm, part, None) for part in ("drop", "act"))
    return nn.Sequential(drop, act) if isinstance(drop, nn.Module) and isinstance(act, nn.Module) else None


def _followed(classifier: Classifier, shown: Tensor) -> list[tuple[nn.Conv2d, str]]:
    """Convolutions, each with the name of the batch normalisation that is given its very output, unchanged."""
    made: dict[int, tuple[nn.Conv2d, Tensor, int]] = {}
    found: list[tuple[nn.Conv2d, str]] = []
    calls: Counter[nn.Module] = Counter()

    def note(module: nn.Module, _args: Any, output: Tensor) -> None:
        calls[module] += 1
        # Versions tell whether a later layer has changed the output in place; held on to, so that ids stay unique.
        made[id(output)] = (module, output, output._version)  # type: ignore[assignment]

    def meet(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            calls[module] += 1
            conv, output, version = made.get(id(args[0]), (None, None, -1))
            if conv is not None and output is args[0] and args[0]._version == version:
                found.append((conv, name))

        return look

    hooks = []
    for name, module in classifier.net.named_modules():
        if type(module) is nn.Conv2d:
            hooks.append(module.register_forward_hook(note))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(meet(name)))
    try:
        classifier(shown)
    finally:
        for hook in hooks:
            hook.remove()
    norms = {name: classifier.net.get_submodule(name) for _, name in found}
    taken = Counter(conv for conv, _ in found)
    return [
        (conv, name) for conv, name in found if calls[conv] == 1 == taken[conv] and calls[norms[name]] == 1
    ]
