"""Tables of models in the agreed format, made up, and what a figure shows of them."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
from kindred.figures.catalogue import FIGURES
from kindred.figures.layout import style
from kindred.figures.stitching import CASES
from kindred.inversion import residuals
from matplotlib.figure import Figure

EXCESS = ["null", "null_n", "ceiling", "excess", "excess_low", "excess_high", "share", "share_low", "share_high"]
ARCHITECTURES = ("resnet", "vgg", "vit", "mixer", "convnext")
TRAININGS = (("linf10", "linf", 0.1, "linf10"), ("standard", np.nan, 0.0, "std"), ("linf05", "linf", 0.05, "linf05"))


def make_models(count: int = 17) -> pd.DataFrame:
    """17: five architectures x three trainings (unsorted) and two second seeds; else `count` models, two budgets."""
    if count == 17:
        rows = [(f"{a}-{tag}", a, t, norm, eps, 0) for t, norm, eps, tag in TRAININGS for a in ARCHITECTURES]
        rows.append(("resnet-std-b", "resnet", "standard", np.nan, 0.0, 1))
        rows.append(("resnet-linf10-b", "resnet", "linf10", "linf", 0.1, 1))
    else:
        rows = [
            (
                f"network{i:02d}_patch16_224",
                f"family{i % 6}",
                "standard" if i % 3 else "adversarial",
                "l2",
                i % 3 and 3.0,
                0,
            )
            for i in range(count)
        ]
        rows = [(m, a, "standard" if eps == 0 else "adversarial", n, float(eps), s) for m, a, _, n, eps, s in rows]
    models = pd.DataFrame(rows, columns=["model", "architecture", "training", "norm", "eps", "seed"])
    draws = np.random.default_rng(3)
    models["arguments"], models["parameters"] = "", 100_000
    for column in ("clean_accuracy", "accuracy_pgd", "accuracy_mim"):
        models[column] = draws.random(len(models)).round(4)
    return models


def make_cka(models: pd.DataFrame, measure: str = "cka_debiased") -> pd.DataFrame:
    draws = np.random.default_rng(1)
    rows = []
    for i, a in enumerate(models["model"]):
        for j, b in enumerate(models["model"]):
            natural, inverted = draws.random(2)
            if i <= j:
                value = 1.0 if i == j else natural
                rows.append(
                    ("natural", np.nan, a, b, "fc", "fc", measure, value, value - 0.02, value + 0.02, 0.0, np.nan, 4096)
                )
            value = 1.0 if i == j else inverted
            rows.append(("jones", a, a, b, "fc", "fc", measure, value, value - 0.04, value + 0.04, 0.0, 0.0, 1024))
    columns = [
        "stimuli",
        "inverter",
        "model_a",
        "model_b",
        "layer_a",
        "layer_b",
        "measure",
        "value",
        "low",
        "high",
        "null",
        "unconverged",
        "n",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.sample(frac=1.0, random_state=0)  # the order of rows must not matter


def beyond(sat: float, itself: bool) -> tuple[float, ...]:
    """null, null_n, ceiling, excess and share with their bounds, as sat.csv has them."""
    null, ceiling = 0.4 * sat, sat if itself else np.log(97)
    excess, share = sat - null, np.exp(sat - ceiling)
    return null, 850, ceiling, excess, excess - 0.3, excess + 0.3, share, share - 0.01, share + 0.01


def make_transfer(models: pd.DataFrame, groups: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """SAT and directed rates with `groups` interleaved blocks of models that fool each other."""
    draws = np.random.default_rng(2)
    names = list(models["model"])
    block = np.arange(len(names)) % groups
    rate = np.where(block[:, None] == block[None, :], 0.5, 0.08) * np.exp(
        0.1 * draws.standard_normal((len(names),) * 2)
    )
    np.fill_diagonal(rate, 0.97)
    score = np.log(100 * (rate + rate.T) / 2)
    transfer = pd.DataFrame(
        [
            ("pgd", a, b, 900, round(900 * rate[i, j]), rate[i, j])
            for i, a in enumerate(names)
            for j, b in enumerate(names)
        ],
        columns=["attack", "source", "target", "n", "fooled", "value"],
    )
    scores = pd.DataFrame(
        [
            ("pgd", a, names[j], score[i, j], score[i, j] - 0.05, score[i, j] + 0.05, 900, *beyond(score[i, j], i == j))
            for i, a in enumerate(names)
            for j in range(i, len(names))
        ],
        columns=["attack", "model_a", "model_b", "sat", "low", "high", "n", *EXCESS],
    )
    return scores.sample(frac=1.0, random_state=0), transfer.sample(frac=1.0, random_state=1)


def make_layers(count_a: int = 5, count_b: int = 5) -> pd.DataFrame:
    draws = np.random.default_rng(4)
    parts = []
    for a, b in (("resnet-std", "resnet-std"), ("resnet-linf10", "resnet-linf10"), ("resnet-std", "resnet-linf10")):
        rows, columns = count_a, count_a if a == b else count_b
        values = draws.random((rows, columns))
        if a == b:
            values = (values + values.T) / 2
            np.fill_diagonal(values, 1.0)
        grid = [(f"layer{i}", f"layer{j}", values[i, j]) for i in range(rows) for j in range(columns)]
        part = pd.DataFrame(grid, columns=["layer_a", "layer_b", "value"])
        parts.append(part.assign(stimuli="natural", model_a=a, model_b=b, measure="cka_debiased", n=2048))
    return pd.concat(parts, ignore_index=True)


def make_gallery(models: pd.DataFrame, examples: int = 2, channels: int = 3) -> dict[str, np.ndarray]:
    draws = np.random.default_rng(5)
    images = draws.random((len(models), examples, 3, channels, 6, 8)).astype(np.float32)
    images[:, :, :2] = images[:1, :, :2]
    residual = draws.uniform(0.01, 0.09, (len(models), examples))
    return {"images": images, "residual": residual, "inverter": models["model"].to_numpy()}


def make_residuals(models: Iterable[str], n: int = 30) -> dict[str, pd.DataFrame]:
    draws = np.random.default_rng(6)
    rows, curves = [], []
    for place, model in enumerate(models):
        curve = np.exp(-np.linspace(0, 3, 6)) * draws.uniform(0.5, 1.5, (n, 1)) / (1 + place % 3)
        rows.append(residuals.summary("jones", model, curve.min(axis=1), converged=0.04, leave_out=False))
        curves.append(residuals.course("jones", model, curve, range(0, 60, 10), converged=0.04))
    return {"inversions": pd.DataFrame(rows), "inversion_curves": pd.concat(curves, ignore_index=True)}


def make_gradients(models: pd.DataFrame) -> pd.DataFrame:
    draws = np.random.default_rng(7)
    eps = dict(zip(models["model"], models["eps"], strict=True))
    rows = [
        (loss, b, a, 0.05 + eps[a] + eps[b] + 0.05 * draws.random(), 0.1, 128)
        for loss in ("cross_entropy", "logit")
        for a, b in combinations(models["model"], 2)
    ]
    table = pd.DataFrame(rows, columns=["loss", "model_a", "model_b", "value", "sd", "n"])
    return table.sample(frac=1.0, random_state=0)


def make_stitching(models: pd.DataFrame) -> pd.DataFrame:
    draws = np.random.default_rng(8)
    rows = []
    for body in models["model"]:
        for head in models["model"]:
            for case, level in zip(CASES, (0.95, 0.84, 0.3, 0.2, 0.15), strict=True):
                n = 0 if body == head and "right_head" in case else int(draws.integers(20, 90))
                agreed = round(n * float(np.clip(level + 0.04 * draws.standard_normal(), 0, 1)))
                rows.append((body, head, case, n, agreed, agreed / n if n else np.nan))
    table = pd.DataFrame(rows, columns=["body", "head", "case", "n", "agreed", "value"])
    return table.sample(frac=1.0, random_state=0)


def make_estimators(models: pd.DataFrame) -> pd.DataFrame:
    debiased = make_cka(models)
    biased = debiased.assign(measure="cka_biased", value=debiased["value"] * 0.9 + 0.1, null=0.12)
    stir = debiased[debiased["stimuli"] == "jones"].assign(measure="stir")
    return pd.concat([debiased, biased, stir.assign(value=stir["value"] + 0.05)], ignore_index=True)


def both(name: str, tables: Mapping[str, Any], **options: Any) -> tuple[Figure, str]:
    """The figure of the catalogue's entry, small, and its caption."""
    with style.applied(options.pop("dpi", 72), options.pop("font_size", 8.0)) as chosen:
        return import_module(FIGURES[name].module).draw(tables, options, chosen)


def draw(name: str, tables: Mapping[str, Any], **options: Any) -> Figure:
    return both(name, tables, **options)[0]


def caption(name: str, tables: Mapping[str, Any], **options: Any) -> str:
    return both(name, tables, **options)[1]


def lookup(table: pd.DataFrame, a: str, b: str, column: str = "value", **where: str) -> float:
    """One value of a table, found by plain comparison."""
    for key, value in where.items():
        table = table[table[key] == value]
    first, second = ("model_a", "model_b") if "model_a" in table else ("source", "target")
    rows = table[(table[first] == a) & (table[second] == b)]
    assert len(rows) == 1
    return float(rows[column].iloc[0])


def shown(figure: Figure) -> list[np.ma.MaskedArray]:
    """The arrays handed to imshow, panel by panel."""
    return [axes.images[0].get_array() for axes in panels(figure)]


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def ticks(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def texts(holder, gid: str) -> list[str]:
    return [text.get_text() for text in holder.texts if text.get_gid() == gid]


def lines(axes, gid: str) -> list:  # type: ignore[no-untyped-def]
    return [line for line in axes.lines if line.get_gid() == gid]


def by_group(models: pd.DataFrame) -> list[str]:
    return [m for eps in (0.0, 0.05, 0.1) for m in models.loc[models["eps"] == eps, "model"]]


def assert_fits(figure: Figure) -> None:
    """All that is drawn lies on the page, labels along an axis do not touch, and no panel is empty."""
    figure.set_dpi(72)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert box.x0 >= -0.02 and box.y0 >= -0.02, box
    assert box.x1 <= width + 0.02 and box.y1 <= height + 0.02, box
    for axes in figure.axes:
        drawn = [*axes.lines, *axes.collections, *axes.patches, *axes.images, *axes.texts]
        assert drawn or axes.get_label() == "<colorbar>", f"an empty panel: {axes.get_title()!r}"
        for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
            seen = [label for label in axis.get_ticklabels() if label.get_visible() and label.get_text()]
            inside = [label for label in seen if axes.axison and _within(axes, axis, label)]
            boxes = sorted((each.get_window_extent(renderer) for each in inside), key=lambda b: getattr(b, low))
            for before, after in pairwise(boxes):
                assert getattr(before, high) <= getattr(after, low) + 1.5, (axes.get_title(), axis.axis_name)
            assert all(label.get_fontsize() >= 5 for label in inside)
    titles = [text for text in figure.texts if text.get_gid() == "title"]
    boxes = [text.get_window_extent(renderer) for text in titles]
    assert all(not a.overlaps(b) for a, b in combinations(boxes, 2)), [text.get_text() for text in titles]


def _within(axes, axis, label) -> bool:  # type: ignore[no-untyped-def]
    place = label.get_position()[0 if axis is axes.xaxis else 1]
    low, high = sorted(axes.get_xlim() if axis is axes.xaxis else axes.get_ylim())
    return bool(low - 1e-9 <= place <= high + 1e-9)


MODELS = make_models()
CKA = make_cka(MODELS)
TABLES = {"models": MODELS, "cka": CKA}
