"""What the layers of a classifier say: their names and their outputs.

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
from kindred.kinds import kind_of
from kindred.models import Classifier, called, evaluating
from kindred.penultimate import FinalInputs, features, final_calls

PENULTIMATE = "penultimate"
CHOICES = (PENULTIMATE, "blocks", "all")
IN_ALL = ("conv", "norm", "activation", "pool", "linear", "attention", "block")
STEM = re.compile(r"(conv_)?stem|patch_embed")
BLOCK = re.compile(r"Block|Bottleneck|Layer|Residual")


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
            raise BadInput(f"layer '{item}' is not in {called(classifier)}; {allowed}")
    chosen.discard(PENULTIMATE)
    return [*(layer.name for layer in layers if layer.name in chosen), PENULTIMATE]


@contextlib.contextmanager
def capture(classifier: Classifier, names: Iterable[str], copied: bool = True) -> Iterator[dict[str, Tensor]]:
    """Within the context, each forward pass of the classifier refills the yielded dict: name -> tensor (n, ...).

    Outputs are copied at once, so that a later in-place step (`ReLU(inplace=True)`, `x += shortcut`) cannot change
    what was captured; the copy stays in autograd's graph where there is one. `penultimate` is not copied, as nothing
    comes after it. With `copied` False nothing is, and what the network changes in place shows what came after: a
    norm before `ReLU(inplace=True)` then says what the ReLU says (as in the code of Cianfarani et al. 2022).
    Outputs whose first dimension runs over parts of images (windows) become (n, parts, ...).

    Raises BadInput for a name of no module, and in the forward pass for a layer that gives nothing.
    """
    names = list(names)
    modules = dict(classifier.net.named_modules())
    for name in names:
        if name != PENULTIMATE and _module_of(name) not in modules:
            raise BadInput(f"layer '{name}' is not in {called(classifier)}")
    outputs = _Outputs({name for name in names if name != PENULTIMATE}, copied)
    inputs = FinalInputs(final_calls(classifier) if PENULTIMATE in names else None)

    def start(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        outputs.start(len(args[0]))
        inputs.start(len(args[0]))

    def finish(*_: Any) -> None:
        if PENULTIMATE in names:
            outputs.found[PENULTIMATE] = inputs.joined()
        for name in names:
            if name not in outputs.found:
                raise BadInput(f"layer '{name}' of {called(classifier)} gave no tensor with a row per image")

    with contextlib.ExitStack() as stack:
        # The removal of each hook is queued as it is set, so that an exception anywhere leaves none behind.
        stack.callback(classifier.register_forward_pre_hook(start).remove)
        outputs.attach(stack, {name: modules[name] for name in map(_module_of, outputs.wanted or ())})
        inputs.attach(stack, modules)
        stack.callback(classifier.register_forward_hook(finish).remove)
        yield outputs.found


class _Outputs:
    """Hooks that keep what modules give: name -> copy, (n, ...)."""

    def __init__(self, wanted: set[str] | None, copied: bool = True) -> None:
        self.wanted = wanted  # None: everything
        self.copied = copied
        self.found: dict[str, Tensor] = {}
        self.calls: Counter[str] = Counter()
        self.n = 0

    def start(self, n: int) -> None:
        self.n = n
        self.found.clear()
        self.calls.clear()

    def attach(self, stack: contextlib.ExitStack, modules: dict[str, nn.Module]) -> None:
        for name, module in modules.items():
            stack.callback(module.register_forward_hook(self._keeper(name)).remove)

    def _keeper(self, module_name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_module: nn.Module, _args: Any, output: Any) -> None:
            self.calls[module_name] += 1
            for index, value in enumerate(_tensors(output)):
                name = _layer_name(module_name, self.calls[module_name], index + 1)
                if self.wanted is None or name in self.wanted:
                    rows = _by_image(value, self.n)
                    if rows is not None:
                        self.found[name] = rows.clone() if self.copied else rows

        return keep


class _Probe:
    """What a classifier's modules say of one image."""

    def __init__(self, classifier: Classifier, example: Tensor) -> None:
        self.modules = dict(classifier.net.named_modules())
        self.classifier = classifier
        first = example[:1].detach()
        with evaluating(classifier), torch.no_grad():
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
        kinds = {name: kind_of(module) for name, module in self.modules.items()}
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
        final = {name for name, _ in final_calls(self.classifier).calls}
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
