"""Penultimate features: the input of a classifier's last linear layers, which are found in autograd's graph."""

import contextlib
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kindred.models.classifiers import Classifier, called, evaluating
from kindred.models.module_kinds import kind_of
from kindred.workflow.errors import BadInput

# Autograd's affine steps (moving, adding, scaling): their output is an affine function of their input.
AFFINE = re.compile(
    r"(Add|Sub|Rsub|Mul|Div|Neg|Mean|Sum|View|UnsafeView|ReshapeAlias|Squeeze|Unsqueeze|Select|Slice|Split|Unbind|Stack"
    r"|Cat|Transpose|Permute|T|Clone|Alias|Expand|ToCopy|AvgPool2D|AdaptiveAvgPool2D|Index)Backward\d*"
)


def features(classifier: Classifier) -> Callable[[Tensor], Tensor]:
    """A differentiable function from images (n, c, h, w) to penultimate features (n, p): one pass, no copies.

    The features are the flattened input of the last linear layers; where several make the logits (distilled
    transformers, CrossViT) their inputs are concatenated, so that the logits are an affine function of the features.
    Raises BadInput as `final_calls`.
    """
    final = final_calls(classifier)

    def penultimate(images: Tensor) -> Tensor:
        with contextlib.ExitStack() as stack:
            inputs = FinalInputs(stack, classifier, final, len(images))
            classifier(images)
        return inputs.joined()

    return penultimate


def final_linear(classifier: Classifier) -> tuple[Tensor, Tensor]:
    """Weight (classes, p) and bias (classes,) of the last map: logits = features(x) @ weight.T + bias.

    Several last layers, and operations that average or scale them, become one map, so it is derived from gradients
    rather than from the network's parameters. Raises BadInput if the logits are not an affine function of the
    penultimate features (VOLO adds the maximum of an auxiliary head, unless built with `use_aux_head: false`).
    """
    final, images = final_calls(classifier), own_images(classifier)

    def logits_from(values: Callable[[Tensor], Tensor]) -> tuple[Tensor, FinalInputs]:
        with contextlib.ExitStack() as stack:
            inputs = FinalInputs(stack, classifier, final, len(images), values)
            return classifier(images), inputs

    with evaluating(classifier):
        with torch.no_grad():
            bias = logits_from(torch.zeros_like)[0]
            truth, unchanged = logits_from(lambda value: value)
        with torch.inference_mode(False), torch.enable_grad():
            logits, inputs = logits_from(lambda value: value.detach().clone().requires_grad_())
            rows = [torch.autograd.grad(logit, inputs.found, retain_graph=True) for logit in logits[0]]
    weight = torch.stack([inputs.joined(row)[0] for row in rows])
    error = (unchanged.joined() @ weight.T + bias[:1] - truth).abs().max()
    if not final.affine or error > 1e-3 * (1 + truth.abs().max()):
        raise BadInput(f"the logits of {called(classifier)} are not an affine function of its penultimate features.")
    return weight, bias[0]


@dataclasses.dataclass(frozen=True)
class FinalCalls:
    """The calls of linear maps that make the logits, in forward order.

    calls: (module name, number of the call, from 1). positions: for a call on many positions (n, positions, c) of which
    the logits use only some, as with the first token in attention pooling, those used. affine: whether the logits are
    an affine function of the inputs of these calls.
    """

    calls: list[tuple[str, int]]
    positions: dict[tuple[str, int], list[int]]
    affine: bool


class FinalInputs:
    """The inputs of the last linear maps in one forward pass of n images, kept, or replaced by a function, by hooks.

    The hooks are registered at once; the stack removes them.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        classifier: Classifier,
        final: FinalCalls,
        n: int,
        replace: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.final, self.n, self.replace = final, n, replace
        self.found: list[Tensor] = []
        self.replaced: list[Tensor] = []
        self.used: list[list[int] | None] = []  # positions, for each of `found`
        self.calls: Counter[str] = Counter()
        for name in {name for name, _ in final.calls}:
            keep = partial(self._keep, name)
            stack.callback(classifier.net.get_submodule(name).register_forward_pre_hook(keep).remove)

    def _keep(self, name: str, _module: nn.Module, args: tuple[Any, ...]) -> Any:
        self.calls[name] += 1
        call = (name, self.calls[name])
        if call not in self.final.calls:
            return None
        # Two heads on the same vector count it once.
        same = [new for old, new in zip(self.replaced, self.found, strict=True) if old is args[0]]
        if not same:
            self.replaced.append(args[0])
            self.used.append(self.final.positions.get(call))
            self.found.append(args[0] if self.replace is None else self.replace(args[0]))
        return None if self.replace is None else ((same or self.found[-1:])[0], *args[1:])

    def joined(self, values: Sequence[Tensor] | None = None) -> Tensor:
        """The kept inputs, or values of the same shapes, as one vector per image (n, p)."""
        parts = []
        for value, used in zip(self.found if values is None else values, self.used, strict=True):
            kept = value if used is None else value.flatten(1, -2)[:, used]
            parts.append(kept.reshape(self.n, -1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def final_calls(classifier: Classifier) -> FinalCalls:
    """The last linear maps, found in autograd's graph of the logits of two synthetic images.

    The graph is followed from the logits towards the image through affine steps (moving, adding, scaling); the linear
    layers and convolutions met first are the last ones. If there are none, through all steps. Raises BadInput if the
    output is not one tensor, or comes from no linear layer or convolution.
    """
    seen: dict[Any, tuple[str, int]] = {}
    # Also keeps the graph's nodes alive, which are compared by identity.
    outputs: dict[tuple[str, int], Tensor] = {}
    calls: Counter[str] = Counter()

    def note(name: str, _module: nn.Module, _args: Any, output: Any) -> None:
        calls[name] += 1
        if isinstance(output, Tensor) and output.grad_fn is not None:
            seen[output.grad_fn] = (name, calls[name])
            outputs[name, calls[name]] = output

    kinds = {name: kind_of(module) for name, module in classifier.net.named_modules()}
    with contextlib.ExitStack() as stack, evaluating(classifier), torch.inference_mode(False), torch.enable_grad():
        for name, kind in kinds.items():
            if kind in ("linear", "conv"):
                module = classifier.net.get_submodule(name)
                stack.callback(module.register_forward_hook(partial(note, name)).remove)
        logits = classifier(own_images(classifier).requires_grad_())
        if not isinstance(logits, Tensor):
            raise BadInput(
                f"the output of {called(classifier)} is a {type(logits).__name__}; it must be one tensor of logits."
            )
        reached, affine = _walk(logits.grad_fn, seen, _is_affine)
        if not reached:
            reached, affine = _walk(logits.grad_fn, seen, lambda node: True)[0], False
        if not reached:
            raise BadInput(f"{called(classifier)} has no linear layer or convolution behind its logits.")
        found = [call for call in outputs if call in reached]
        many = [call for call in found if kinds[call[0]] == "linear" and outputs[call].dim() > 2]
        positions = {call: _used_positions(logits, outputs[call]) for call in many}
    return FinalCalls(found, {call: used for call, used in positions.items() if used is not None}, affine)


def _used_positions(logits: Tensor, output: Tensor) -> list[int] | None:
    """Positions of an output (n, positions..., c) that the logits depend on; None if all."""
    (grad,) = torch.autograd.grad(logits.sum(), output, retain_graph=True)
    reach = grad.flatten(1, -2).abs().amax(dim=(0, 2)) > 0
    return None if bool(reach.all()) else reach.nonzero().flatten().tolist()


def _walk(
    start: Any, ends: dict[Any, tuple[str, int]], passes: Callable[[Any], bool]
) -> tuple[set[tuple[str, int]], bool]:
    """The ends that are reached from a node of autograd's graph, and whether every path leads to one."""
    reached, whole, visited, waiting = set(), True, set(), [start]
    while waiting:
        node = waiting.pop()
        if node is None or node in visited or "AccumulateGrad" in node.name():
            continue
        visited.add(node)
        if node in ends:
            reached.add(ends[node])
        elif passes(node):
            waiting += [following for following, _ in node.next_functions]
        else:
            whole = False
    return reached, whole


def _is_affine(node: Any) -> bool:
    if not AFFINE.fullmatch(node.name()):
        return False
    varying = [following for following, _ in node.next_functions if following is not None]
    return len(varying) < 2 or not node.name().startswith(("Mul", "Div"))


def own_images(classifier: Classifier) -> Tensor:
    """Two different images (2, c, h, w) of the study's size in [0, 1], made without random numbers."""
    about, like = classifier.description, classifier.mean
    images = torch.arange(2 * about.channels * about.size**2, device=like.device, dtype=like.dtype).sin() / 2 + 0.5
    return images.view(2, about.channels, about.size, about.size)
