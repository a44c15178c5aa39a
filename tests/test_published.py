"""Published values beside a study's own, on synthetic tables: the cells compared and the pairs averaged."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_tables import assert_fits, caption, draw, lines
from kindred.analyses import jackknife, published
from kindred.figures import published as figure
from kindred.figures.layout import reading
from kindred.workflow.errors import BadInput
from scipy import stats

BOUNDS = ["value", "low", "high"]
NAMES = {"torchvision:resnet18": "ResNet18", "torchvision:vgg16_bn": "VGG16"}
REFERENCES = Path(__file__).parents[1] / "studies" / "reference"
FILES = {
    "fig1": "jones2022_fig1_inverted_by_eps.csv",
    "fig3_fig4": "jones2022_fig3_fig4_architectures.csv",
    "fig5_fig7_fig8": "jones2022_fig5_fig7_fig8.csv",
    "fig6": "jones2022_fig6_digitised.csv",
}
PUBLISHED = {name: pd.read_csv(REFERENCES / file) for name, file in FILES.items()}


def models() -> pd.DataFrame:
    """Two of the paper's architectures at eps 0 and 3, one with two seeds, and models it does not have."""
    rows = [
        ("r0", "torchvision:resnet18", "", 0.0),
        ("r3", "torchvision:resnet18", "l2", 3.0),
        ("r3b", "torchvision:resnet18", "l2", 3.0),
        ("v0", "torchvision:vgg16_bn", "", 0.0),
        ("v3", "torchvision:vgg16_bn", "l2", 3.0),
        ("v3-linf", "torchvision:vgg16_bn", "linf", 3.0),
        ("other", "vit_tiny", "l2", 3.0),
    ]
    return pd.DataFrame(rows, columns=["model", "architecture", "norm", "eps"]).assign(training="t")


def value(*about: object) -> float:
    """A number between 0 and 1 that depends on all arguments."""
    return sum(ord(letter) * (place + 3) for place, letter in enumerate("|".join(map(str, about)))) % 997 / 997


def bounded(*about: object) -> tuple[float, float, float]:
    """The value with bounds of an interval over images that depend on it."""
    one = value(*about)
    return one, one - 0.1 * one, one + 0.02


def our_tables() -> dict[str, pd.DataFrame]:
    names = list(models()["model"])
    cka = [
        (stimuli, a, b, measure, *bounded(stimuli, measure, a, b))
        for stimuli, measure in product(("natural", "jones", "deep"), ("cka_biased", "cka_debiased"))
        for i, a in enumerate(names)
        for b in (names[i:] if stimuli == "natural" else names)
    ]
    gradients = [
        (loss, a, b, *bounded(loss, a, b))
        for loss in ("logit", "cross_entropy")
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    stitched = [
        (a, b, case, *(bounded(case, a, b) if case != "both_wrong_differ" else [np.nan] * 3))
        for a, b in product(names, names)
        for case in published.STITCHED
    ]
    return {
        "cka": pd.DataFrame(cka, columns=["stimuli", "model_a", "model_b", "measure", *BOUNDS]),
        "gradients": pd.DataFrame(gradients, columns=["loss", "model_a", "model_b", *BOUNDS]),
        "stitching": pd.DataFrame(stitched, columns=["body", "head", "case", *BOUNDS]),
    }


def matched(**changes: object) -> pd.DataFrame:
    options = {"measure": "cka_biased", "inversion": "jones", **our_tables(), **changes}
    return published.matched(PUBLISHED, models(), NAMES, **options)  # type: ignore[arg-type]


def table(**changes: object) -> pd.DataFrame:
    return published.side_by_side(matched(**changes))


def inverted(a: str, b: str) -> float:
    return value("jones", "cka_biased", a, b)


def one(found: pd.DataFrame, **where: object) -> pd.Series:
    for column, wanted in where.items():
        found = found[found[column] == wanted]
    assert len(found) == 1
    return found.iloc[0]


def test_figure_1_averages_as_in_the_paper() -> None:
    found = table()
    cell = one(found, figure="1", inverter_eps=3.0, tested_eps=3.0)
    # Not the two seeds of one architecture.
    pairs = [("r3", "v3"), ("r3b", "v3"), ("v3", "r3"), ("v3", "r3b")]
    assert cell["pairs"] == 4 and cell["published"] == 0.81
    assert cell["ours"] == pytest.approx(np.mean([inverted(*pair) for pair in pairs]))
    cell = one(found, figure="1", inverter_eps=3.0, tested_eps=0.0)
    pairs = list(product(("r3", "r3b", "v3"), ("r0", "v0")))
    assert cell["pairs"] == 6 and cell["published"] == 0.59
    assert cell["ours"] == pytest.approx(np.mean([inverted(*pair) for pair in pairs]))
    assert len(found[found["figure"] == "1"]) == 4


def test_figures_3_and_4_by_architecture() -> None:
    found = table()
    cell = one(found, figure="4", images="inverted", inverter="VGG16", tested="ResNet18")
    assert cell["ours"] == pytest.approx((inverted("v3", "r3") + inverted("v3", "r3b")) / 2)
    assert (cell["published"], cell["pairs"], cell["inverter_eps"]) == (0.80, 2, 3)
    natural = one(found, figure="3", images="natural", inverter="VGG16", tested="ResNet18")
    # In cka.csv the pair is listed once, as r0, v0.
    assert natural["ours"] == pytest.approx(value("natural", "cka_biased", "r0", "v0"))
    assert natural["published"] == 0.72
    assert len(found[found["figure"].isin(["3", "4"])]) == 2 * 2 * 2  # no cell of an architecture with itself


def test_figure_6_has_one_architecture_of_ours() -> None:
    found = table()
    part = found[found["figure"] == "6"]
    assert set(part["inverter"]) == {"ResNet18"} and len(part) == 2
    cell = one(part, inverter_eps=0.0, tested_eps=3.0)
    assert cell["ours"] == pytest.approx((inverted("r0", "r3") + inverted("r0", "r3b")) / 2)
    assert cell["published"] == 0.01


def test_figures_5_7_and_8_by_radius() -> None:
    found = table(loss="cross_entropy")
    cell = one(found, figure="5", tested_eps=3.0)
    assert cell["quantity"] == "cosine (cross_entropy)" and cell["published"] == 0.40
    both = [value("cross_entropy", "r3", "v3"), value("cross_entropy", "r3b", "v3")]
    assert cell["ours"] == pytest.approx(np.mean(both))
    cell = one(found, figure="7", quantity="both_right", tested_eps=0.0)
    both = [value("both_right", "r0", "v0"), value("both_right", "v0", "r0")]
    assert cell["ours"] == pytest.approx(np.mean(both)) and cell["published"] == 0.935
    # Where no image of ours is in a case there is no cell.
    assert set(found[found["figure"] == "8"]["quantity"]) == {"body_wrong_head_right", "body_right_head_wrong"}


def test_summary_by_hand() -> None:
    found = table()
    summary = published.summary(matched())
    part = found[found["figure"] == "4"]
    row = one(summary, figure="4")
    assert row["cells"] == 4
    assert row["mean_absolute_difference"] == pytest.approx(np.mean(np.abs(part["ours"] - part["published"])))
    assert row["spearman"] == pytest.approx(stats.spearmanr(part["ours"], part["published"]).statistic)
    everything = found[found["quantity"] == "cka"]
    assert one(summary, figure="all")["cells"] == len(everything) == 4 + 8 + 2
    assert np.isnan(one(summary, figure="6")["spearman"])  # two cells have no rank correlation


def naive(values: dict[tuple, dict[tuple[str, str], float]], without: str = "") -> float:
    """Mean over cells of the mean over their pairs, less what is published (the last of a cell's key), one by one."""
    left = []
    for (*_, theirs), pairs in values.items():
        kept = [found for pair, found in pairs.items() if without not in pair]
        left += [sum(kept) / len(kept) - theirs] if kept else []
    return sum(left) / len(left) if left else np.nan


def student(values: dict[tuple, dict[tuple[str, str], float]]) -> tuple[float, float]:
    """Bounds by leaving models out: of pseudo-values, as of independent numbers."""
    names = sorted({name for pairs in values.values() for pair in pairs for name in pair})
    m, whole = len(names), naive(values)
    left = np.array([naive(values, name) for name in names])
    half = stats.t.ppf(0.975, m - 1) * np.std((m - 1) * left, ddof=1) / np.sqrt(m)
    return whole - half, whole + half


def test_intervals_of_cells_are_over_models() -> None:
    found = table()
    cell = one(found, figure="1", inverter_eps=3.0, tested_eps=0.0)
    pairs = {pair: inverted(*pair) for pair in product(("r3", "r3b", "v3"), ("r0", "v0"))}
    assert (cell["low"], cell["high"]) == pytest.approx(student({(0.0,): pairs}))
    # What leaving out models of pairs gives, of an implementation that knows no cells.
    names, group = ["r3", "r3b", "v3", "r0", "v0"], np.zeros((5, 5), bool)
    group[:3, 3:] = True
    square = np.array([[inverted(a, b) for b in names] for a in names])
    of_pairs = jackknife.mean(square, group)
    assert (cell["ours"], cell["low"], cell["high"]) == pytest.approx((of_pairs.value, of_pairs.low, of_pairs.high))
    # Without v3 there is no pair of different architectures at 3.
    assert one(found, figure="1", inverter_eps=3.0, tested_eps=3.0)[["low", "high"]].isna().all()


def test_a_single_pair_has_its_interval_over_images() -> None:
    found = table()
    cell = one(found, figure="3", images="inverted", inverter="VGG16", tested="ResNet18")
    assert cell["pairs"] == 1
    assert (cell["ours"], cell["low"], cell["high"]) == pytest.approx(bounded("jones", "cka_biased", "v0", "r0"))
    # Without a direction a pair is one, whichever model comes first.
    for where in ({"figure": "3", "inverter": "VGG16"}, {"figure": "3", "inverter": "ResNet18"}):
        natural = one(found, images="natural", **where)
        assert tuple(natural[["low", "high"]]) == pytest.approx(bounded("natural", "cka_biased", "r0", "v0")[1:])
    gradients = one(found, figure="5", tested_eps=0.0)
    assert gradients["pairs"] == 1 and gradients["low"] == pytest.approx(bounded("logit", "r0", "v0")[1])
    # Two directions of one pair are two values of the same two models.
    cell = one(found, figure="1", inverter_eps=0.0, tested_eps=0.0)
    assert cell["pairs"] == 2 and np.isnan(cell["low"])


def test_pairs_that_do_not_differ_have_no_interval() -> None:
    tables = our_tables()
    found = table(cka=tables["cka"].assign(value=0.25, low=0.2, high=0.3))
    cell = one(found, figure="1", inverter_eps=3.0, tested_eps=0.0)
    assert cell["ours"] == 0.25 and np.isnan([cell["low"], cell["high"]]).all()


def test_the_mean_difference_has_an_interval_over_models() -> None:
    told = published.summary(matched())
    names, eps = (
        {"ResNet18": ("r0", "r3", "r3b"), "VGG16": ("v0", "v3")},
        {"r0": 0, "v0": 0, "r3": 3, "r3b": 3, "v3": 3},
    )
    cells: dict[tuple, dict[tuple[str, str], float]] = {}
    for row in PUBLISHED["fig1"].itertuples():
        pairs = {
            (a, b): inverted(a, b)
            for a, b in product(eps, eps)
            if (a[0], eps[a]) != (b[0], eps[b]) and (eps[a], eps[b]) == (row.inverter_eps, row.tested_eps)
        }
        cells |= {("1", row.inverter_eps, row.tested_eps, row.cka): pairs} if pairs else {}
    first = one(told, figure="1")
    assert (first["value"], *first[["low", "high"]]) == pytest.approx((naive(cells), *student(cells)))
    assert (first["cells"], first["models"], first["pairs"]) == (4, 5, 9)  # of 10, less r3 with r3b
    for row in PUBLISHED["fig3_fig4"].itertuples():
        sides = [[one for one in names.get(side, ()) if eps[one] == row.eps] for side in (row.inverter, row.tested)]
        found = inverted if row.images == "inverted" else natural
        pairs = {(a, b): found(a, b) for a, b in product(*sides) if a[0] != b[0]}
        cells |= {("4", row.images, row.inverter, row.tested, row.eps, row.cka): pairs} if pairs else {}
    for row in PUBLISHED["fig6"].itertuples():
        sides = [
            [one for one in names.get(side, ()) if eps[one] == at]
            for side, at in ((row.inverter, row.inverter_eps), (row.tested, row.tested_eps))
        ]
        pairs = {(a, b): inverted(a, b) for a, b in product(*sides) if (a[0], eps[a]) != (b[0], eps[b])}
        cells |= {("6", *row[1:], row.cka): pairs} if pairs else {}
    every = one(told, figure="all")
    assert (every["value"], *every[["low", "high"]]) == pytest.approx((naive(cells), *student(cells)))
    assert (every["cells"], every["models"], every["pairs"]) == (len(cells), 5, 9)
    # Two models alone have none: r0 and v0 at the one radius, and nothing would be left without either.
    alone = matched()
    alone = alone[(alone["figure"] == "3") & (alone["quantity"] == "cka")]
    assert published.summary(alone)[["low", "high"]].isna().all(axis=None)


def natural(a: str, b: str) -> float:
    names = list(models()["model"])
    return value("natural", "cka_biased", *sorted((a, b), key=names.index))


def test_rank_correlation_with_ties() -> None:
    x, y = [0.1, 0.3, 0.3, 0.9, 0.5], [1, 2, 5, 4, 4]
    assert published.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.isnan(published.spearman([1, 1, 1], [1, 2, 3])) and np.isnan(published.spearman([1, 2], [1, 2]))


def test_nothing_in_common_is_said() -> None:
    pairs = published.matched(PUBLISHED, models(), {}, cka=our_tables()["cka"], measure="cka_biased", inversion="jones")
    found, told = published.side_by_side(pairs), published.summary(pairs)
    assert found.empty and list(found) == published.COLUMNS
    assert one(told, figure="all")["cells"] == 0
    given = {"published": found, "published_summary": told}
    drawn = draw("published", given, measure="cka_biased")
    assert [text.get_text() for text in drawn.texts] == [figure.NOTHING]
    assert_fits(drawn)
    assert caption("published", given, measure="cka_biased").startswith("No cell in common")


def test_an_empty_table_survives_its_file(tmp_path: Path) -> None:
    table().iloc[:0].to_csv(tmp_path / "published.csv", index=False)
    given = {"published": reading.read(tmp_path / "published.csv")}
    assert [text.get_text() for text in draw("published", given, measure="cka_biased").texts] == [figure.NOTHING]


def test_the_figure_has_a_point_per_cell(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "published.csv", index=False)
    found = reading.read(tmp_path / "published.csv")
    given = {"published": found, "published_summary": published.summary(matched())}
    drawn = draw("published", given, measure="cka_biased")
    assert_fits(drawn)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert titles == ["Figure 1", "Figures 3 and 4", "Figure 5", "Figure 6", "Figures 7 and 8"]
    (natural,) = lines(drawn.axes[1], "cells natural")
    part = found[found["images"].eq("natural") & found["figure"].astype(str).isin(["3", "4"])]
    np.testing.assert_array_equal(natural.get_xdata(), part["published"])
    np.testing.assert_array_equal(natural.get_ydata(), part["ours"])
    (bounds,) = (one for one in drawn.axes[0].collections if one.get_gid() == "intervals inverted")
    known = found[found["figure"].astype(str).eq("1") & found["low"].notna()]
    assert [tuple(line[:, 1]) for line in bounds.get_segments()] == list(zip(known["low"], known["high"], strict=True))
    assert len(known) == 2 and known["high"].max() > 1.1
    # The panel stays that of the points.
    assert drawn.axes[0].get_ylim()[1] < 1.1
    text = caption("published", given, measure="cka_biased")
    assert "some go on beyond the panel" in text
    narrow = {**given, "published": found.assign(low=found["ours"], high=found["ours"])}
    assert "beyond" not in caption("published", narrow, measure="cka_biased")
    row = one(given["published_summary"], figure="all")
    bounds = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]".replace("-", "−")
    assert f"All CKA cells: 14 cells, mean difference {bounds}, mean absolute difference" in text
    assert "Figure 4, cka: 4 cells" in text and "All CKA cells: 14 cells" in text


def test_published_tables_agree_with_the_text_of_the_paper() -> None:
    """The means quoted in the text, from the printed cells."""
    cells = PUBLISHED["fig3_fig4"]
    other = cells[cells["inverter"] != cells["tested"]].groupby(["eps", "images"])["cka"].mean().round(3)
    assert other.to_dict() == {
        (0, "inverted"): 0.095, (0, "natural"): 0.672, (3, "inverted"): 0.809, (3, "natural"): 0.835
    }  # fmt: skip
    assert len(PUBLISHED["fig1"]) == 100 and len(PUBLISHED["fig6"]) == 900 and len(PUBLISHED["fig5_fig7_fig8"]) == 10


def test_a_published_table_without_a_column_is_an_error() -> None:
    with pytest.raises(BadInput, match="fig1 lacks the column 'cka'"):
        published.matched(
            PUBLISHED | {"fig1": PUBLISHED["fig1"].drop(columns="cka")},
            models(),
            NAMES,
            cka=our_tables()["cka"],
            measure="cka_biased",
            inversion="jones",
        )
