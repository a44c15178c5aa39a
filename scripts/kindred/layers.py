"""What the layers of a classifier say: their names, their outputs, and what enters the last linear layer.

Layers are found by looking, not by knowing families: a probe runs two small batches through the network and keeps
what was called, in which order, with which result. Whatever is called as a module and answers for each image apart
can be captured.

Names are those of the modules inside `classifier.net` (`layer1.0.bn1`). A module called a second time in one forward
pass is `name#2`. A module that returns several tensors (in a tuple, list or dict) gives `name`, `name@2`, `name@3`,
in order; whatever else it returns is ignored.
"""

import contextlib
import dataclasses
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindred.errors import BadInput
from kindred.models import Classifier

PENULTIMATE = "penultimate"
CHOICES = (PENULTIMATE, "blocks", "all")
IN_ALL = ("conv", "norm", "activation", "pool", "linear", "attention", "block")

# What a module is, by the name of its class or of one it derives from; the first that matches. Libraries name their
# own variants alike (`LayerNorm2d`, `ScaledStdConv2d`, `GELUTanh`), which a list of classes could not follow.
KINDS = (
    ("silent", r"identity|\w*dropout\w*|droppath|dropblock\w*|flatten|unflatten"),
    (
        "activation",
        r"\w*relu6?|\w*gelu\w*|silu|[cs]?elu|glu|\w*mish|\w*swish|\w*sigmoid|\w*tanh(shrink)?|threshold"
        r"|(log)?softmax(2d)?|soft(min|plus|sign|shrink)|hardshrink",
    ),
    ("norm", r"(?!\w*conv)\w*norm(1|[123]d)?(act|tlu)?([123]d)?(fp32)?|evonorm\w+|inplaceabn|affine"),
    ("linear", r"linear"),
    ("conv", r"conv(transpose)?[123]d"),
    ("pool", r"\w*(max|avg|blur|lp)pool\w*"),
    ("attention", r"(?!\w*block)\w*(attention|attn)\w*"),
)
MAPS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in KINDS)
STEM = re.compile(r"(conv_)?stem|patch_embed")
BLOCK = re.compile(r"Block|Bottleneck|Layer|Residual")
# Steps of autograd that only move, add or scale: an output behind them is an affine function of what came before.
AFFINE = re.compile(
    r"(Add|Sub|Rsub|Mul|Div|Neg|Mean|Sum|View|UnsafeView|ReshapeAlias|Squeeze|Unsqueeze|Select|Slice|Split|Unbind|Stack"
    r"|Cat|Transpose|Permute|T|Clone|Alias|Expand|ToCopy|AvgPool2D|AdaptiveAvgPool2D|Index)Backward\d*"
)


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer that can be captured.

    kind: conv, norm, activation, pool, linear, attention, block, other or penultimate.
    shape: of what it gives for one image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


def list_layers(classifier: Classifier, example: Tensor) -> list[Layer]:
    """All layers in the order in which they finish, and `penultimate` last.

    example: (n, c, h, w); its first image is run twice, alone and in a batch beside its negative. A layer counts if
    it says the same of the image both times, so tables of weights and outputs whose first dimension does not run
    over the images are left out, and so are modules that change nothing (identity, dropout in eval mode).
    """
    return _Probe(classifier, example).layers()


def resolve(classifier: Classifier, choice: str | Sequence[str], example: Tensor) -> list[str]:
    """The names of the chosen layers in forward order, `penultimate` always among them and last.

    choice: 'penultimate', 'blocks', 'all', a name of `list_layers`, or a list of these.

    Raises BadInput for a name the model does not have.
    """
    wanted = [choice] if isinstance(choice, str) else list(choice)
    if set(wanted) <= {PENULTIMATE}:
        return [PENULTIMATE]
    layers = list_layers(classifier, example)
    known = {layer.name for layer in layers}
    chosen: set[str] = set()
    for item in wanted:
        if item == "all":
            chosen |= {layer.name for layer in layers if layer.kind in IN_ALL}
        elif item == "blocks":
            blocks = {layer.name for layer in layers if layer.kind == "block"}
            chosen |= blocks or _stand_ins(classifier, layers)
        elif item in known:
            chosen.add(item)
        else:
            close = difflib.get_close_matches(str(item), sorted(known), n=4, cutoff=0.5)
            allowed = (
                f"close names are {', '.join(close)}" if close else f"allowed are {', '.join(CHOICES)}, names"
            )
            raise BadInput(f"layer '{item}' is not in {_called(classifier)}; {allowed}")
    chosen.discard(PENULTIMATE)
    return [*(layer.name for layer in layers if layer.name in chosen), PENULTIMATE]


@contextlib.contextmanager
def capture(classifier: Classifier, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Within the context, each forward pass of the classifier refills the yielded dict: name -> tensor (n, ...).

    Outputs are copied at once, so that a later in-place step (`ReLU(inplace=True)`, `x += shortcut`) cannot change
    what was captured; the copy stays in autograd's graph where there is one. `penultimate` is not copied, as nothing
    comes after it. Outputs whose first dimension runs over parts of images (windows) become (n, parts, ...).

    Raises BadInput for a name of no module, and in the forward pass for a layer that gives nothing.
    """
    names = list(names)
    modules = dict(classifier.net.named_modules())
    for name in names:
        if name != PENULTIMATE and _module_of(name) not in modules:
            raise BadInput(f"layer '{name}' is not in {_called(classifier)}")
    outputs = _Outputs({name for name in names if name != PENULTIMATE})
    inputs = _Inputs(_final(classifier) if PENULTIMATE in names else None)

    def start(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        outputs.start(len(args[0]))
        inputs.start(len(args[0]))

    def finish(*_: Any) -> None:
        if PENULTIMATE in names:
            outputs.found[PENULTIMATE] = inputs.joined()
        for name in names:
            if name not in outputs.found:
                raise BadInput(f"layer '{name}' of {_called(classifier)} gave no tensor with a row per image")

    with contextlib.ExitStack() as stack:
        # Removing the hooks is queued before any is set, so that an exception anywhere leaves none behind.
        _hook(stack, classifier.register_forward_pre_hook(start))
        outputs.attach(stack, {name: modules[name] for name in map(_module_of, outputs.wanted or ())})
        inputs.attach(stack, modules)
        _hook(stack, classifier.register_forward_hook(finish))
        yield outputs.found


def features(classifier: Classifier) -> Callable[[Tensor], Tensor]:
    """A function from images (n, c, h, w) to penultimate vectors (n, p): one forward pass, differentiable, no copies.

    The vectors are what enters the last linear layers, flattened; where several make the logits (distilled
    transformers, CrossViT) their inputs are joined, so that the logits are an affine function of the vector. Where
    no linear layers lead to the logits in an affine way, they are the inputs of those nearest to the logits.

    Raises BadInput if the network has no linear layer or convolution at all.
    """
    final = _final(classifier)
    modules = dict(classifier.net.named_modules())

    def penultimate(images: Tensor) -> Tensor:
        inputs = _Inputs(final)
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
    final = _final(classifier)
    modules = dict(classifier.net.named_modules())
    images = _own_images(classifier)

    def logits_from(values: Callable[[Tensor], Tensor]) -> tuple[Tensor, _Inputs]:
        inputs = _Inputs(final, values)
        inputs.start(len(images))
        with contextlib.ExitStack() as stack:
            inputs.attach(stack, modules)
            return classifier(images), inputs

    with _probing(classifier):
        with torch.no_grad():
            bias = logits_from(torch.zeros_like)[0]
            truth, unchanged = logits_from(lambda value: value)
        with torch.inference_mode(False), torch.enable_grad():
            logits, inputs = logits_from(lambda value: value.detach().clone().requires_grad_())
            rows = [torch.autograd.grad(logit, inputs.found, retain_graph=True) for logit in logits[0]]
    weight = torch.stack([inputs.joined(row)[0] for row in rows])
    error = (unchanged.joined() @ weight.T + bias[:1] - truth).abs().max()
    if not final.affine or error > 1e-3 * (1 + truth.abs().max()):
        raise BadInput(
            f"the logits of {_called(classifier)} are no affine function of its penultimate vector"
        )
    return weight, bias[0]


@dataclasses.dataclass(frozen=True)
class _Final:
    """The calls of linear maps that make the logits, in forward order.

    calls: (module name, how many-th call). positions: where a call maps many positions (n, positions, c) of which the
    logits use a few, as attention pooling does with its first token, those used; by call.
    affine: whether the logits are an affine function of what enters these calls.
    """

    calls: list[tuple[str, int]]
    positions: dict[tuple[str, int], list[int]]
    affine: bool


class _Outputs:
    """Hooks that keep what modules give: name -> copy, (n, ...)."""

    def __init__(self, wanted: set[str] | None) -> None:
        self.wanted = wanted  # None: everything
        self.found: dict[str, Tensor] = {}
        self.calls: Counter[str] = Counter()
        self.n = 0

    def start(self, n: int) -> None:
        self.n = n
        self.found.clear()
        self.calls.clear()

    def attach(self, stack: contextlib.ExitStack, modules: dict[str, nn.Module]) -> None:
        for name, module in modules.items():
            _hook(stack, module.register_forward_hook(self._keeper(name)))

    def _keeper(self, module_name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_module: nn.Module, _args: Any, output: Any) -> None:
            self.calls[module_name] += 1
            for index, value in enumerate(_tensors(output)):
                name = _layer_name(module_name, self.calls[module_name], index + 1)
                if self.wanted is None or name in self.wanted:
                    rows = _by_image(value, self.n)
                    if rows is not None:
                        self.found[name] = rows.clone()

        return keep


class _Inputs:
    """Hooks that keep, or replace, what enters certain calls of modules."""

    def __init__(self, final: _Final | None, replace: Callable[[Tensor], Tensor] | None = None) -> None:
        self.wanted = set(final.calls) if final else set()
        self.positions = final.positions if final else {}
        self.replace = replace
        self.start(0)

    def start(self, n: int) -> None:
        self.n = n
        self.found: list[Tensor] = []
        self.replaced: list[Tensor] = []
        self.used: list[list[int] | None] = []  # positions, for each of `found`
        self.calls: Counter[str] = Counter()

    def attach(self, stack: contextlib.ExitStack, modules: dict[str, nn.Module]) -> None:
        for name in {name for name, _ in self.wanted}:
            _hook(stack, modules[name].register_forward_pre_hook(self._keeper(name)))

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


class _Probe:
    """What a classifier's modules say of one image."""

    def __init__(self, classifier: Classifier, example: Tensor) -> None:
        self.modules = dict(classifier.net.named_modules())
        self.classifier = classifier
        first = example[:1].detach()
        with _probing(classifier), torch.no_grad():
            together = self._run(torch.cat([1 - first, first]))
            alone = self._run(first)
            self.width = features(classifier)(first).shape[1]
        self.values = {
            name: value[0]
            for name, value in alone.items()
            if name in together and _agree(together[name][1], value[0])
        }

    def _run(self, images: Tensor) -> dict[str, Tensor]:
        outputs = _Outputs(None)
        outputs.start(len(images))
        with contextlib.ExitStack() as stack:
            outputs.attach(stack, {name: module for name, module in self.modules.items() if name})
            self.classifier(images)
        return outputs.found

    def layers(self) -> list[Layer]:
        kinds = {name: _kind(module) for name, module in self.modules.items()}
        blocks = self._blocks(kinds)
        layers = []
        for name, value in self.values.items():
            kind = "block" if name in blocks else kinds[_module_of(name)]
            if kind != "silent":
                layers.append(Layer(name, kind, tuple(value.shape)))
        return [*layers, Layer(PENULTIMATE, PENULTIMATE, (self.width,))]

    def _is_list(self, name: str) -> bool:
        return isinstance(self.modules[name], nn.Sequential | nn.ModuleList | nn.ModuleDict)

    def _blocks(self, kinds: dict[str, str]) -> set[str]:
        """The elements of the network's stages.

        A block is a module of at least two linear maps behind the stem that stands in a list or sequence, or whose
        class says that it is one. A stage, which only passes on what its last block says, is none; nor is a part of
        a block, unless both hold for it (transformer blocks between convolutions).
        """
        final = {name for name, _ in _final(self.classifier).calls}
        maps = [name for name, kind in kinds.items() if kind in ("linear", "conv")]

        def is_composite(name: str) -> bool:
            inside = [other for other in maps if other.startswith(f"{name}.")]
            return kinds[name] == "other" and len(inside) >= 2 and not final.intersection(inside)

        composite = [n for n in self.values if n in kinds and is_composite(n) and not STEM.match(n)]
        listed = {name for name in composite if self._is_list(name.rpartition(".")[0])}
        named = {name for name in composite if BLOCK.search(type(self.modules[name]).__name__)}
        found = [name for name in composite if name in listed | named]
        if len(found) < 2:
            found = [name for name in composite if "." not in name and not self._is_list(name)]
        if len(found) < 2:
            return set()
        inner = {name: [other for other in found if other.startswith(f"{name}.")] for name in found}
        stages = {
            name
            for name in found
            if inner[name]
            and (
                isinstance(self.modules[name], nn.Sequential)
                or _hold_the_same(self.values[name], self.values[inner[name][-1]])
            )
        }
        parts = {part for name in found if name not in stages for part in inner[name]}
        return set(found) - stages - (parts - (listed & named))


def _stand_ins(classifier: Classifier, layers: list[Layer]) -> set[str]:
    """What counts as blocks in a plain network: the ends of its stages as it states them, else its activations."""
    stated = [
        entry.get("module")
        for entry in getattr(classifier.net, "feature_info", [])
        if isinstance(entry, dict)
    ]
    found = {layer.name for layer in layers if layer.name in stated}
    return found or {layer.name for layer in layers if layer.kind == "activation"}


def _final(classifier: Classifier) -> _Final:
    """Find the last linear maps by looking at the network's own graph.

    Autograd's graph is followed from the logits towards the image through steps that only move, add or scale; the
    linear layers and convolutions met on the way are the last ones. If there are none, through all steps.
    """
    seen: dict[Any, tuple[str, int]] = {}
    outputs: dict[
        tuple[str, int], Tensor
    ] = {}  # also keeps the graph's nodes alive, which are told by identity
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            calls[name] += 1
            if isinstance(output, Tensor) and output.grad_fn is not None:
                seen[output.grad_fn] = (name, calls[name])
                outputs[name, calls[name]] = output

        return note

    with contextlib.ExitStack() as stack:
        stack.enter_context(_probing(classifier))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for name, module in classifier.net.named_modules():
            if _kind(module) in ("linear", "conv"):
                _hook(stack, module.register_forward_hook(watch(name)))
        logits = classifier(_own_images(classifier).requires_grad_())
        if not isinstance(logits, Tensor):
            raise BadInput(
                f"{_called(classifier)} gives {type(logits).__name__} instead of one tensor of logits"
            )
        reached, affine = _walk(logits.grad_fn, seen, _is_affine)
        if not reached:
            reached, affine = _walk(logits.grad_fn, seen, lambda node: True)[0], False
        if not reached:
            raise BadInput(f"{_called(classifier)} has no linear layer from which its logits come")
        found = [call for call in outputs if call in reached]
        modules = dict(classifier.net.named_modules())
        many = [call for call in found if _kind(modules[call[0]]) == "linear" and outputs[call].dim() > 2]
        positions = {call: _used_positions(logits, outputs[call]) for call in many}
    return _Final(found, {call: used for call, used in positions.items() if used is not None}, affine)


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


@contextlib.contextmanager
def _probing(classifier: Classifier) -> Iterator[None]:
    """Eval mode for a while; each module goes back to its own mode."""
    training = [module for module in classifier.modules() if module.training]
    classifier.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _own_images(classifier: Classifier) -> Tensor:
    """Two different images of the study's size, made without random numbers: (2, c, h, w)."""
    told, like = classifier.description, classifier.mean
    images = (
        torch.arange(2 * told.channels * told.size**2, device=like.device, dtype=like.dtype).sin() / 2 + 0.5
    )
    return images.view(2, told.channels, told.size, told.size)


def _kind(module: nn.Module) -> str:
    holds_maps = any(isinstance(inner, MAPS) for inner in module.modules() if inner is not module)
    for base in type(module).__mro__:
        for kind, pattern in PATTERNS:
            # `ConvNorm` is no norm: what holds a linear map is composed of layers, unless it is attention.
            if pattern.fullmatch(base.__name__) and (kind == "attention" or not holds_maps):
                return kind
    return "other"


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [t for item in output for t in _tensors(item)] if isinstance(output, list | tuple) else []


def _by_image(value: Tensor, n: int) -> Tensor | None:
    """The tensor with one row per image; None if it cannot have them."""
    if not value.is_floating_point() or value.dim() == 0 or n == 0 or len(value) % n or len(value) == 0:
        return None
    return value if len(value) == n else value.unflatten(0, (n, -1))


def _agree(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4 * (1e-6 + float(b.abs().max())))


def _hold_the_same(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and torch.equal(a.flatten().sort().values, b.flatten().sort().values)


def _layer_name(module: str, call: int, index: int) -> str:
    return module + (f"#{call}" if call > 1 else "") + (f"@{index}" if index > 1 else "")


def _module_of(name: str) -> str:
    return re.sub(r"(#\d+)?(@\d+)?$", "", name)


def _called(classifier: Classifier) -> str:
    return f"model of architecture '{classifier.description.architecture}'"


def _hook(stack: contextlib.ExitStack, handle: Any) -> None:
    stack.callback(handle.remove)
