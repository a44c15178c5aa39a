"""A copy of a classifier that is cheaper to descend: the same logits up to rounding, in less time and memory.

Batch normalisation in evaluation mode is an affine map of each channel, which the convolution before it can take over.
Convolutions keep their channels last, which is how they are computed. In bfloat16 the network computes with eight bits,
but not its normalisation of pixels, nor what becomes of its logits.
"""

import contextlib
import copy
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from kindred.activations.penultimate import own_images
from kindred.models.classifiers import Classifier, called
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

Precision = Literal["float32", "bfloat16"]

CLOSE = 1e-4  # of the largest logit: what folding may change, which is rounding


class Rounded(Classifier):
    """A classifier whose network computes in bfloat16; takes and gives float32."""

    def forward(self, x: Tensor) -> Tensor:
        return self.logits_of(self.net(self.prepare(x).bfloat16())).float()


@torch.no_grad()
def folded(classifier: Classifier, precision: Precision = "float32") -> Classifier:
    """A frozen copy in evaluation mode, on the same device; the classifier itself stays as it is.

    Each of the two changes is made only where the logits of two images change by no more than rounding and none of it
    fails: a convolution whose output is used twice is left unfolded, and code that needs channels first gets them.
    Raises BadInput for a network that cannot compute in the precision.
    """
    plain = copy.deepcopy(classifier).eval().requires_grad_(False)
    images = own_images(plain)
    truth = plain(images)
    made = plain
    for name, change in (("folded normalisations", partial(_fold, images=images)), ("channels last", _channels_last)):
        tried = copy.deepcopy(made)
        if _same(tried, name, change, images, truth):
            made = tried
    if precision == "float32":
        return made
    rounded = Rounded(made.net.bfloat16(), classifier.description).to(images.device).eval()
    try:
        finite = bool(torch.isfinite(rounded(images)).all())
    except (RuntimeError, NotImplementedError) as error:
        raise BadInput(
            f"{called(classifier)} does not compute in bfloat16 here ({str(error).partition(chr(10))[0]}); "
            "leave its precision at float32."
        ) from error
    if not finite:
        raise BadInput(f"{called(classifier)} gives NaN or infinity in bfloat16; leave its precision at float32.")
    return rounded


def _same(tried: Classifier, name: str, change: Callable[[Classifier], object], images: Tensor, truth: Tensor) -> bool:
    """Whether a copy gives the same logits after a change, up to rounding; says so where it does not."""
    try:
        change(tried)
        error = float((tried(images) - truth).abs().max() / truth.abs().max())
    except (RuntimeError, ValueError, TypeError, AttributeError) as failure:
        log.info("%s does without %s, as it fails: %s", called(tried), name, str(failure).partition("\n")[0])
        return False
    if not (close := error <= CLOSE):
        log.info("%s does without %s, as its logits change by %.2g of the largest", called(tried), name, error)
    return close


def _channels_last(classifier: Classifier) -> None:
    classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(classifier: Classifier, images: Tensor) -> None:
    """Fold into each convolution the normalisation that takes its output."""
    for conv, norm, name in _followed(classifier, images):
        rest = _beyond(norm)
        if rest is None:
            continue
        # In double precision, so that only the result is rounded.
        fused = fuse_conv_bn_eval(copy.deepcopy(conv).double(), copy.deepcopy(norm).double()).to(conv.weight.dtype)
        conv.weight, conv.bias = fused.weight, fused.bias
        classifier.net.set_submodule(name, rest)


def _beyond(norm: nn.BatchNorm2d) -> nn.Module | None:
    """The part of a batch normalisation after normalising; None for one of a kind that is not known."""
    if norm.running_var is None:
        return None
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    # timm's, which goes on with dropout and an activation.
    drop, act = (getattr(norm, part, None) for part in ("drop", "act"))
    return nn.Sequential(drop, act) if isinstance(drop, nn.Module) and isinstance(act, nn.Module) else None


def _followed(classifier: Classifier, images: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d, str]]:
    """Convolutions, each with the batch normalisation that takes its output and its name; both are called once.

    Outputs are known by their steps in autograd's graph, since a layer that changes one in place, such as ReLU, makes
    it the output of another step.
    """
    made: dict[Any, nn.Conv2d] = {}
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d, str]] = []
    calls: Counter[nn.Module] = Counter()

    def after(module: nn.Module, _args: Any, output: Tensor) -> None:
        calls[module] += 1
        if output.grad_fn is not None and isinstance(module, nn.Conv2d):
            made[output.grad_fn] = module

    def before(name: str, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        calls[module] += 1
        if args[0].grad_fn in made and isinstance(module, nn.BatchNorm2d):
            found.append((made[args[0].grad_fn], module, name))

    with contextlib.ExitStack() as stack, torch.inference_mode(False), torch.enable_grad():
        for name, module in classifier.net.named_modules():
            if type(module) is nn.Conv2d:
                stack.callback(module.register_forward_hook(after).remove)
            elif isinstance(module, nn.BatchNorm2d):
                stack.callback(module.register_forward_pre_hook(partial(before, name)).remove)
        classifier(images.clone().requires_grad_())
    taken = Counter(conv for conv, _, _ in found)
    return [each for each in found if calls[each[0]] == taken[each[0]] == calls[each[1]] == 1]
