"""What every figure has: a caption, the same bytes twice, and a page that grows with the type and the models."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from figure_tables import (
    MODELS,
    TABLES,
    assert_fits,
    caption,
    draw,
    make_cka,
    make_estimators,
    make_gallery,
    make_models,
    make_transfer,
    panels,
)
from kindred.figures.layout import heatmap, page, style, text
from matplotlib.figure import Figure

CHOSEN = {"measure": "cka_debiased", "inversion": "jones", "unconverged": 0.5}


def save(figure: Figure, path: Path, words: str = "") -> None:
    with style.applied(int(figure.dpi), 8.0) as chosen:
        page.save(figure, path.with_suffix(".png"), path.with_suffix(".pdf"), words, chosen)


def test_69_models_fit_on_their_page() -> None:
    models = make_models(69)
    sat, transfer = make_transfer(models)
    given = {"models": models, "cka": make_estimators(models), "sat": sat, "transfer": transfer}
    given["gallery"] = make_gallery(models)
    for name in ("similarity", "transfer", "gallery", "accuracies", "similarity_by_budget", "estimators"):
        assert_fits(draw(name, given, **CHOSEN, attack="pgd"))
    for name in ("similarity_by_architecture", "similarity_by_architecture_and_budget"):
        assert_fits(draw(name, given, **CHOSEN))


def test_the_same_bytes_whatever_the_users_matplotlibrc_says(tmp_path: Path) -> None:
    own = {"font.weight": "bold", "font.size": 30, "image.cmap": "jet", "savefig.facecolor": "red", "pdf.fonttype": 3}
    for name in ("similarity", "accuracies"):
        save(draw(name, TABLES, **CHOSEN), tmp_path / name, "A caption.")
        with matplotlib.rc_context(own):
            save(draw(name, TABLES, **CHOSEN), tmp_path / f"{name}2", "A caption.")
        for kind in ("png", "pdf"):
            first, second = ((tmp_path / f"{name}{n}.{kind}").read_bytes() for n in ("", "2"))
            assert first == second, (name, kind)
    assert not (tmp_path / "similarity.pdf").read_bytes().count(b"Date")
    assert b"A caption." in (tmp_path / "similarity.png").read_bytes()


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_figure_page as t\n"
        "t.save(t.draw('similarity', t.TABLES, **t.CHOSEN), Path(sys.argv[1]), 'A caption.')"
    )
    made = []
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(style.__file__).parents[3])])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], env=env, check=True)
        made.append([(tmp_path / f"{seed}.{kind}").read_bytes() for kind in ("png", "pdf")])
    assert made[0] == made[1]


def test_the_caption_stands_below_and_inside_the_page(tmp_path: Path) -> None:
    words = caption("similarity", TABLES, **CHOSEN) + " " + "Wide words. " * 40
    figure = draw("similarity", TABLES, **CHOSEN, dpi=80)
    save(figure, tmp_path / "without")
    save(figure, tmp_path / "with", words)
    captioned, without = (matplotlib.image.imread(tmp_path / f"{n}.png")[..., :3] for n in ("with", "without"))
    assert captioned.shape[1] == without.shape[1] and len(captioned) - len(without) > 60
    np.testing.assert_array_equal(captioned[: len(without) - 2], without[:-2])  # the panels have not moved
    added = captioned[len(without) :]
    edge = int(0.5 * page.MARGIN * 80)
    assert added.min() < 0.5
    assert (added[:, -edge:] == 1).all() and (added[:, :edge] == 1).all() and (added[-edge:] == 1).all()


def test_captions_wrap_to_the_width_they_are_given() -> None:
    words = "All pairs 0.626 → 0.408; natural → inverted; both ℓ∞ 0.05 are within 95 % of n = 10,000 images. " * 6
    lines = text.wrap(words, 3.0, 7.0)
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ").split() == words.split()
    with style.applied(200, 8.0) as chosen:
        figure = page.Page(chosen, 4, 4).figure
        renderer = figure.canvas.get_renderer()
        boxes = [figure.text(0, 0, line, fontsize=7).get_window_extent(renderer) for line in lines]
    widths = [box.width / 200 for box in boxes]
    assert max(widths) <= 3.0 and min(widths[:-1]) > 2.0
    assert not any(line.endswith(("ℓ∞", " 95", " n", "n =", "→", "0.626", "natural")) for line in lines)


def test_the_size_of_the_type_magnifies_the_page() -> None:
    small, large = (draw("similarity", TABLES, **CHOSEN, font_size=size) for size in (8.0, 12.0))
    np.testing.assert_allclose(large.get_size_inches() / small.get_size_inches(), 1.5, atol=0.01)
    sizes = [panels(figure)[0].yaxis.get_ticklabels()[0].get_fontsize() for figure in (small, large)]
    assert sizes[1] == pytest.approx(1.5 * sizes[0])
    boxes = [panels(figure)[1].get_position().bounds for figure in (small, large)]
    np.testing.assert_allclose(*boxes, atol=0.005)
    assert_fits(large)


def test_cells_shrink_and_labels_stay_legible() -> None:
    sizes = [heatmap.pitch(count) for count in range(1, 71)]
    assert all(a >= b for a, b in pairwise(sizes)) and 0.8 * sizes[-1] * 72 > 5
    many = make_models(69)
    assert_fits(draw("similarity", {"models": many, "cka": make_cka(many)}, **CHOSEN))
    assert len(panels(draw("similarity", {"models": MODELS.iloc[:1], "cka": TABLES["cka"]}, **CHOSEN))) == 2
