"""Layers of a classifier: listing them, choosing among them, and capturing their outputs.

Layers are found by running the network rather than by knowing its family. Names are those of the modules inside
`classifier.net` (`layer1.0.bn1`). The second call of a module within one forward pass is `name#2`. A module that
returns several tensors (in a tuple, list or dict) has the layers `name`, `name@2`, `name@3`, in order; other returned
values are ignored.
"""

import contextlib
import dataclasses
import difflib
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kindred.activations.penultimate import FinalInputs, features, final_calls
from kindred.models.classifiers import Classifier, called, evaluating
from kindred.models.module_kinds import kind_of
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

PENULTIMATE = "penultimate"
CHOICES = (PENULTIMATE, "blocks", "all")
IN_ALL = ("conv", "norm", "activation", "pool", "linear", "attention", "block")
STEM = re.compile(r"(conv_)?stem|patch_embed")
BLOCK = re.compile(r"Block|Bottleneck|Layer|Residual")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer that can be captured; kind: one of IN_ALL, other or penultimate; shape: of its output for one image.

    same_as: the layer that has the same output, up to the order of its values, and stands for this one in `all`.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    same_as: str | None = None


def list_layers(classifier: Classifier, example: Tensor) -> list[Layer]:
    """All layers in the order in which they finish, `penultimate` before the last linear map, whose input it is.

    example: (n, c, h, w); its first image is run twice, alone and in a batch with its negative. A layer counts if its
    output for the image is the same both times, which leaves out tables of weights and outputs whose first dimension
    does not run over images, and if its module is not an identity (as dropout is in eval mode). The log names those
    that are left out although they have an output for each image.
    """
    modules = dict(classifier.net.named_modules())
    first = example[:1].detach()

    def outputs(images: Tensor) -> dict[str, Tensor]:
        with contextlib.ExitStack() as stack:
            found = _watched(stack, {name: module for name, module in modules.items() if name}, len(images))
            classifier(images)
        return found

    with evaluating(classifier), torch.no_grad():
        together, alone = outputs(torch.cat([1 - first, first])), outputs(first)
        final = features(classifier)(first)
    shared = [name for name in alone if name in together and together[name][1].shape == alone[name][0].shape]
    both = [name for name in shared if _agree(together[name][1], alone[name][0])]
    if left := [name for name in shared if name not in both]:
        named = ", ".join(left)
        log.warning("%s: layers whose output depends on the batch are left out: %s", called(classifier), named)
    values = {name: alone[name][0] for name in both}
    kinds = {name: kind_of(module) for name, module in modules.items()}
    blocks = _blocks(classifier, modules, kinds, values)
    # A block is known by its first output in its first call.
    kind = {name: "block" if name in blocks else kinds[_module_of(name)] for name in values}
    heads = {_layer_name(name, call, 1) for name, call in final_calls(classifier).calls}
    names = [name for name in values if kind[name] != "silent"]
    place = next((index for index, name in enumerate(names) if name in heads), len(names))
    names.insert(place, PENULTIMATE)
    kind[PENULTIMATE], values[PENULTIMATE] = PENULTIMATE, final[0]
    same = _duplicates(names, kind, values)
    return [Layer(name, kind[name], tuple(values[name].shape), same.get(name)) for name in names]


def _duplicates(names: Sequence[str], kind: Mapping[str, str], values: Mapping[str, Tensor]) -> dict[str, str]:
    """{layer: the layer with the same output that stands for it}: penultimate, else a block, else the first.

    For instance a block and its last activation, or the pooled output that enters the classifier.
    """
    rank = {PENULTIMATE: 0, "block": 1}
    found: dict[str, str] = {}
    kept: dict[tuple[int, float, float], list[str]] = {}
    for name in sorted(names, key=lambda name: rank.get(kind[name], 2)):  # stable: in forward order otherwise
        low, high = torch.aminmax(values[name])
        alike = kept.setdefault((values[name].numel(), float(low), float(high)), [])
        # Outputs that are constant, such as all zero, say nothing.
        same = [other for other in alike if low < high and _same_values(values[name], values[other])]
        if same and kind[name] in IN_ALL:
            found[name] = same[0]
        else:
            alike.append(name)
    return found


def resolve(classifier: Classifier, choice: str | Sequence[str], example: Tensor) -> list[str]:
    """Names of the chosen layers in forward order; `penultimate` is always included, before the last linear map.

    choice: 'penultimate', 'blocks', 'all', a name from `list_layers`, or a list of these. `all` has each output once,
    whatever the number of layers that share it. Raises BadInput for a name that is not a layer of the model.
    """
    wanted = [choice] if isinstance(choice, str) else list(choice)
    if set(wanted) <= {PENULTIMATE}:
        return [PENULTIMATE]
    layers = list_layers(classifier, example)
    known = {layer.name for layer in layers}
    chosen: set[str] = set()
    for item in wanted:
        if item == "all":
            chosen |= {layer.name for layer in layers if layer.kind in IN_ALL and layer.same_as is None}
        elif item == "blocks":
            blocks = {layer.name for layer in layers if layer.kind == "block"}
            chosen |= blocks or _stand_ins(classifier, layers)
        elif item in known:
            chosen.add(item)
        else:
            allowed = f"allowed are {', '.join(CHOICES)} and names of layers"
            if close := difflib.get_close_matches(str(item), sorted(known), n=4, cutoff=0.5):
                allowed = f"similar names are {', '.join(close)}"
            raise BadInput(f"layer '{item}' is not in {called(classifier)}; {allowed}.")
    return [layer.name for layer in layers if layer.name in chosen | {PENULTIMATE}]


def capture(classifier: Classifier, images: Tensor, names: Iterable[str], copied: bool = True) -> dict[str, Tensor]:
    """Outputs {name: (n, ...)} of layers in one forward pass of images (n, c, h, w), and `logits` (n, classes).

    Outputs are copied at once, so that a later in-place operation (`ReLU(inplace=True)`, `x += shortcut`) cannot change
    them; the copy stays in autograd's graph where there is one. `penultimate` is not copied, as nothing follows it.
    With `copied` False nothing is, and in-place operations show: the captured output of a norm in front of
    `ReLU(inplace=True)` is then that of the ReLU (as in the code of Cianfarani et al. 2022). Outputs whose first
    dimension runs over parts of images (windows) become (n, parts, ...). Raises BadInput for a name of no module, and
    for a layer without such an output.
    """
    wanted, modules = dict.fromkeys(names), dict(classifier.net.named_modules())
    for name in wanted:
        if name != PENULTIMATE and _module_of(name) not in modules:
            raise BadInput(f"layer '{name}' is not in {called(classifier)}.")
    watched = {name: modules[name] for name in map(_module_of, wanted) if name in modules}
    final = final_calls(classifier) if PENULTIMATE in wanted else None
    with contextlib.ExitStack() as stack:
        found = _watched(stack, watched, len(images), wanted, copied)
        inputs = FinalInputs(stack, classifier, final, len(images)) if final else None
        logits = classifier(images)
    if inputs:
        found[PENULTIMATE] = inputs.joined()
    for name in wanted:
        if name not in found:
            raise BadInput(f"layer '{name}' of {called(classifier)} has no output with a row per image.")
    return {name: found[name] for name in wanted} | {"logits": logits}


def _watched(
    stack: contextlib.ExitStack,
    modules: Mapping[str, nn.Module],
    n: int,
    wanted: Container[str] | None = None,
    copied: bool = True,
) -> dict[str, Tensor]:
    """Outputs {layer: (n, ...)} of modules, all or those wanted, which hooks fill in at a forward pass of n images."""
    found: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def keep(module_name: str, _module: nn.Module, _args: Any, output: Any) -> None:
        calls[module_name] += 1
        for index, value in enumerate(_tensors(output)):
            name = _layer_name(module_name, calls[module_name], index + 1)
            rows = _by_image(value, n) if wanted is None or name in wanted else None
            if rows is not None:
                found[name] = rows.clone() if copied else rows

    for name, module in modules.items():
        # Each hook's removal is registered at once, so that an exception leaves none behind.
        stack.callback(module.register_forward_hook(partial(keep, name)).remove)
    return found


def _blocks(
    classifier: Classifier, modules: Mapping[str, nn.Module], kinds: Mapping[str, str], values: Mapping[str, Tensor]
) -> set[str]:
    """Names of the elements of the network's stages; values: outputs for one image.

    A block is a module behind the stem with at least two linear maps that is an element of a list or sequence, or whose
    class is named like one. Not blocks are stages, whose output is that of their last block, and parts of blocks unless
    they meet both criteria (transformer blocks between convolutions).
    """
    final = {name for name, _ in final_calls(classifier).calls}
    maps = [name for name, kind in kinds.items() if kind in ("linear", "conv")]

    def is_list(name: str) -> bool:
        return isinstance(modules[name], nn.Sequential | nn.ModuleList | nn.ModuleDict)

    def is_composite(name: str) -> bool:
        inside = [other for other in maps if other.startswith(f"{name}.")]
        return kinds[name] == "other" and len(inside) >= 2 and not final.intersection(inside)

    composite = [n for n in values if n in kinds and is_composite(n) and not STEM.match(n)]
    listed = {name for name in composite if is_list(name.rpartition(".")[0])}
    named = {name for name in composite if BLOCK.search(type(modules[name]).__name__)}
    found = [name for name in composite if name in listed | named]
    if len(found) < 2:
        found = [name for name in composite if "." not in name and not is_list(name)]
    if len(found) < 2:
        return set()
    inner = {name: [other for other in found if other.startswith(f"{name}.")] for name in found}
    stages = {
        name
        for name in found
        if inner[name]
        and (isinstance(modules[name], nn.Sequential) or _same_values(values[name], values[inner[name][-1]]))
    }
    parts = {part for name in found if name not in stages for part in inner[name]}
    return set(found) - stages - (parts - (listed & named))


def _stand_ins(classifier: Classifier, layers: list[Layer]) -> set[str]:
    """Substitutes for blocks in a plain network: the ends of its declared stages, else its activations."""
    declared = [entry.get("module") for entry in getattr(classifier.net, "feature_info", []) if isinstance(entry, dict)]
    found = {layer.name for layer in layers if layer.name in declared}
    return found or {layer.name for layer in layers if layer.kind == "activation"}


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [t for item in output for t in _tensors(item)] if isinstance(output, list | tuple) else []


def _by_image(value: Tensor, n: int) -> Tensor | None:
    """The tensor with one row per image; None if it has no such form."""
    if not value.is_floating_point() or value.dim() == 0 or n == 0 or len(value) % n or len(value) == 0:
        return None
    return value if len(value) == n else value.unflatten(0, (n, -1))


def _agree(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4 * (1e-6 + float(b.abs().max())))


def _same_values(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and torch.equal(a.flatten().sort().values, b.flatten().sort().values)


def _layer_name(module: str, call: int, index: int) -> str:
    return module + (f"#{call}" if call > 1 else "") + (f"@{index}" if index > 1 else "")


def _module_of(name: str) -> str:
    return re.sub(r"(#\d+)?(@\d+)?$", "", name)
