"""The penultimate vector: what enters the last linear layers of a classifier.

The last layers are found by looking, not by knowing families: two images of the classifier's own are run and
autograd's graph is followed back from the logits.
"""

import contextlib
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindred.errors import BadInput
from kindred.kinds import kind_of
from kindred.models import Classifier, called, evaluating

# Steps of autograd that only move, add or scale: an output behind them is an affine function of what came before.
AFFINE = re.compile(
    r"(Add|Sub|Rsub|Mul|Div|Neg|Mean|Sum|View|UnsafeView|ReshapeAlias|Squeeze|Unsqueeze|Select|Slice|Split|Unbind|Stack"
    r"|Cat|Transpose|Permute|T|Clone|Alias|Expand|ToCopy|AvgPool2D|AdaptiveAvgPool2D|Index)Backward\d*"
)


def features(classifier: Classifier) -> Callable[[Tensor], Tensor]:
    """A function from images (n, c, h, w) to penultimate vectors (n, p): one forward pass, differentiable, no copies.

    The vectors are what enters the last linear layers, flattened; where several make the logits (distilled
    transformers, CrossViT) their inputs are joined, so that the logits are an affine function of the vector. Where
    no linear layers lead to the logits in an affine way, they are the inputs of those nearest to the logits.

    Raises BadInput if the network has no linear layer or convolution at all.
    """
    final = final_calls(classifier)
    modules = dict(classifier.net.named_modules())

    def penultimate(images: Tensor) -> Tensor:
        inputs = FinalInputs(final)
        inputs.start(len(images))
        with contextlib.ExitStack() as stack:
            inputs.attach(stack, modules)
            classifier(images)
        return inputs.joined()

    return penultimate


def final_linear(classifier: Classifier) -> tuple[Tensor, Tensor]:
    """The last linear map as weight (classes, p) and bias (classes,): logits = features(x) @ weight.T + bias.

    Several last layers, and what averages or scales them, become one map, so it is read off the network's
    derivative rather than from its parameters.

    Raises BadInput if the logits are no affine function of the penultimate vector (VOLO adds the maximum of an
    auxiliary head, unless built with `use_aux_head: false`).
    """
    final = final_calls(classifier)
    modules = dict(classifier.net.named_modules())
    images = own_images(classifier)

    def logits_from(values: Callable[[Tensor], Tensor]) -> tuple[Tensor, FinalInputs]:
        inputs = FinalInputs(final, values)
        inputs.start(len(images))
        with contextlib.ExitStack() as stack:
            inputs.attach(stack, modules)
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
        raise BadInput(f"the logits of {called(classifier)} are no affine function of its penultimate vector")
    return weight, bias[0]


@dataclasses.dataclass(frozen=True)
class FinalCalls:
    """The calls of linear maps that make the logits, in forward order.

    calls: (module name, how many-th call). positions: where a call maps many positions (n, positions, c) of which the
    logits use a few, as attention pooling does with its first token, those used; by call.
    affine: whether the logits are an affine function of what enters these calls.
    """

    calls: list[tuple[str, int]]
    positions: dict[tuple[str, int], list[int]]
    affine: bool


class FinalInputs:
    """Hooks that keep, or replace, what enters the last linear maps.

    final: the calls to watch, none if None. replace: of what would enter, what enters and is kept instead.
    """

    def __init__(self, final: FinalCalls | None, replace: Callable[[Tensor], Tensor] | None = None) -> None:
        self.wanted = set(final.calls) if final else set()
        self.positions = final.positions if final else {}
        self.replace = replace
        self.start(0)

    def start(self, n: int) -> None:
        """Forget what was found, before a forward pass of n images."""
        self.n = n
        self.found: list[Tensor] = []
        self.replaced: list[Tensor] = []
        self.used: list[list[int] | None] = []  # positions, for each of `found`
        self.calls: Counter[str] = Counter()

    def attach(self, stack: contextlib.ExitStack, modules: dict[str, nn.Module]) -> None:
        """Set the hooks; the stack removes them."""
        for name in {name for name, _ in self.wanted}:
            stack.callback(modules[name].register_forward_pre_hook(self._keeper(name)).remove)

    def _keeper(self, name: str) -> Callable[[nn.Module, Any], Any]:
        def keep(_module: nn.Module, args: tuple[Any, ...]) -> Any:
            self.calls[name] += 1
            call = (name, self.calls[name])
            if call not in self.wanted:
                return None
            # Two heads on one and the same vector count it once.
            same = [new for old, new in zip(self.replaced, self.found, strict=True) if old is args[0]]
            if not same:
                self.replaced.append(args[0])
                self.used.append(self.positions.get(call))
                self.found.append(args[0] if self.replace is None else self.replace(args[0]))
            return None if self.replace is None else ((same or self.found[-1:])[0], *args[1:])

        return keep

    def joined(self, values: Sequence[Tensor] | None = None) -> Tensor:
        """What was found, or values of the same shapes, as one vector per image: (n, p)."""
        parts = []
        for value, used in zip(self.found if values is None else values, self.used, strict=True):
            kept = value if used is None else value.flatten(1, -2)[:, used]
            parts.append(kept.reshape(self.n, -1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def final_calls(classifier: Classifier) -> FinalCalls:
    """Find the last linear maps by looking at the network's own graph.

    Autograd's graph is followed from the logits towards the image through steps that only move, add or scale; the
    linear layers and convolutions met on the way are the last ones. If there are none, through all steps.
    """
    seen: dict[Any, tuple[str, int]] = {}
    # Also keeps the graph's nodes alive, which are told by identity.
    outputs: dict[tuple[str, int], Tensor] = {}
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            calls[name] += 1
            if isinstance(output, Tensor) and output.grad_fn is not None:
                seen[output.grad_fn] = (name, calls[name])
                outputs[name, calls[name]] = output

        return note

    with contextlib.ExitStack() as stack:
        stack.enter_context(evaluating(classifier))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for name, module in classifier.net.named_modules():
            if kind_of(module) in ("linear", "conv"):
                stack.callback(module.register_forward_hook(watch(name)).remove)
        logits = classifier(own_images(classifier).requires_grad_())
        if not isinstance(logits, Tensor):
            raise BadInput(
                f"{called(classifier)} gives {type(logits).__name__} instead of one tensor of logits"
            )
        reached, affine = _walk(logits.grad_fn, seen, _is_affine)
        if not reached:
            reached, affine = _walk(logits.grad_fn, seen, lambda node: True)[0], False
        if not reached:
            raise BadInput(f"{called(classifier)} has no linear layer from which its logits come")
        found = [call for call in outputs if call in reached]
        modules = dict(classifier.net.named_modules())
        many = [call for call in found if kind_of(modules[call[0]]) == "linear" and outputs[call].dim() > 2]
        positions = {call: _used_positions(logits, outputs[call]) for call in many}
    return FinalCalls(found, {call: used for call, used in positions.items() if used is not None}, affine)


def _used_positions(logits: Tensor, output: Tensor) -> list[int] | None:
    """Which positions of (n, positions..., c) reach the logits; None if all do."""
    (grad,) = torch.autograd.grad(logits.sum(), output, retain_graph=True)
    reach = grad.flatten(1, -2).abs().amax(dim=(0, 2)) > 0
    return None if bool(reach.all()) else reach.nonzero().flatten().tolist()


def _walk(
    start: Any, ends: dict[Any, tuple[str, int]], passes: Callable[[Any], bool]
) -> tuple[set[tuple[str, int]], bool]:
    """The ends reached from a node of autograd's graph, and whether every path came to one."""
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
    """Two different images of the study's size, made without random numbers: (2, c, h, w)."""
    told, like = classifier.description, classifier.mean
    images = (
        torch.arange(2 * told.channels * told.size**2, device=like.device, dtype=like.dtype).sin() / 2 + 0.5
    )
    return images.view(2, told.channels, told.size, told.size)
