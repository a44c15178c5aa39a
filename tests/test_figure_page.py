"""What every figure has: a page without collisions, a caption, the same bytes twice."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from figure_tables import CKA, MODELS, make_cka, make_gallery, make_layers, make_models, make_transfer, panels
from kindred.errors import BadInput
from kindred.figures import accuracy, budgets, cka, gallery, heatmap, layers, sat, style
from matplotlib.figure import Figure


def every_figure(count: int) -> dict[str, Figure]:
    models = make_models(count) if count >= 17 else MODELS.iloc[[0, 5, 10]]
    table, (scores, transfer) = make_cka(models), make_transfer(models)
    images, residual = make_gallery(models)
    return {
        "cka": cka.draw(table, models),
        "budgets": budgets.draw(table, models),
        "layers": layers.draw(make_layers(count, 2 * count), models if count == 3 else None),
        "sat": sat.draw(scores, transfer, models),
        "gallery": gallery.draw(images, residual, list(models["model"]), models),
        "accuracy": accuracy.draw(models),
    }


@pytest.mark.parametrize("count", [3, 17, 69])
def test_nothing_is_cut_and_labels_do_not_overlap(count: int) -> None:
    for name, figure in every_figure(count).items():
        figure.set_dpi(72)
        figure.canvas.draw()
        page = figure.bbox
        renderer = figure.canvas.get_renderer()
        for artist in figure.findobj(matplotlib.text.Text):
            box = artist.get_window_extent(renderer)
            if not artist.get_visible() or not artist.get_text() or box.width == 0:
                continue
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1, (
                name,
                artist.get_text(),
            )
        for axes in panels(figure):
            for axis, low in ((axes.xaxis, "x0"), (axes.yaxis, "y0")):
                seen = [label for label in axis.get_ticklabels() if label.get_visible() and label.get_text()]
                boxes = sorted(
                    (label.get_window_extent(renderer) for label in seen), key=lambda b: getattr(b, low)
                )
                high = low.replace("0", "1")
                for before, after in pairwise(boxes):
                    assert getattr(before, high) <= getattr(after, low) + 1.5, (name, count)
                assert all(label.get_fontsize() >= 5 for label in seen), (name, count)
        titles = [t.get_window_extent(renderer) for t in figure.texts if t.get_gid() == "title"]
        for before, after in pairwise(titles):
            assert before.x1 < after.x0, name


def test_files_are_written_and_the_same_twice(tmp_path: Path) -> None:
    for name, figure in every_figure(3).items():
        figure.set_dpi(60)
        style.save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf", "A caption.")
    with matplotlib.rc_context(
        {
            "font.weight": "bold",
            "font.size": 30,
            "image.cmap": "jet",
            "savefig.facecolor": "red",
            "pdf.fonttype": 3,
        }
    ):
        for name, figure in every_figure(3).items():
            figure.set_dpi(60)
            style.save(figure, tmp_path / f"{name}2.png", tmp_path / f"{name}2.pdf", "A caption.")
            for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
                first, second = (tmp_path / f"{name}{n}.{kind}" for n in ("", "2"))
                assert first.read_bytes().startswith(start) and first.stat().st_size > 5000
                assert first.read_bytes() == second.read_bytes(), (name, kind)
    assert not (tmp_path / "cka.pdf").read_bytes().count(b"Date")
    assert b"A caption." in (tmp_path / "cka.png").read_bytes()


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_figure_page as t; out = Path(sys.argv[1])\n"
        "figure, caption = t.cka.draw(t.CKA, t.MODELS, dpi=60), t.cka.caption(t.CKA, t.MODELS)\n"
        "t.style.save(figure, out / 'a.png', out / 'a.pdf', caption)"
    )
    made = []
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(style.__file__).parents[2])])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True)
        made.append([(tmp_path / name).read_bytes() for name in ("a.png", "a.pdf")])
    assert made[0] == made[1]


def test_the_caption_stands_below_and_inside_the_page(tmp_path: Path) -> None:
    caption = cka.caption(CKA, MODELS) + " " + "Wide words. " * 40
    figure = cka.draw(CKA, MODELS, dpi=80)
    before, held = figure.get_size_inches().copy(), len(figure.texts)
    style.save(figure, tmp_path / "with.png", tmp_path / "with.pdf", caption)
    style.save(figure, tmp_path / "without.png", tmp_path / "without.pdf")
    assert len(figure.texts) == held and (figure.get_size_inches() == before).all()
    with_caption, without = (
        matplotlib.image.imread(tmp_path / f"{n}.png")[..., :3] for n in ("with", "without")
    )
    extra = len(with_caption) - len(without)
    assert with_caption.shape[1] == without.shape[1] and extra > 60
    np.testing.assert_array_equal(with_caption[: len(without) - 2], without[:-2])  # the panels have not moved
    added = with_caption[len(without) :]
    edge = int(0.5 * style.MARGIN * 80)
    assert added.min() < 0.5
    assert (added[:, -edge:] == 1).all() and (added[:, :edge] == 1).all() and (added[-edge:] == 1).all()


def test_captions_wrap_to_the_width_they_are_given() -> None:
    text = "All pairs 0.626 → 0.408; both ℓ∞ 0.05 are within 95 % of n = 10,000 images. " * 6
    lines = style.wrap(text, 3.0, 7.0)
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ").split() == text.split()
    figure = style.blank(4, 4, 200)
    renderer = figure.canvas.get_renderer()
    with style.context():
        widths = [
            figure.text(0, 0, line, fontsize=7).get_window_extent(renderer).width / 200 for line in lines
        ]
    assert max(widths) <= 3.0 and min(widths[:-1]) > 2.2
    assert not any(line.endswith(("ℓ∞", " 95", " n", "n =", "→", "0.626")) for line in lines)


def test_font_size_scales_the_page() -> None:
    small, large = (cka.draw(CKA, MODELS, font_size=size) for size in (8, 12))
    ratio = large.get_size_inches() / small.get_size_inches()
    assert (ratio > 1.3).all() and (ratio < 1.6).all()
    assert panels(large)[0].yaxis.get_ticklabels()[0].get_fontsize() == pytest.approx(
        1.5 * panels(small)[0].yaxis.get_ticklabels()[0].get_fontsize()
    )
    assert cka.draw(CKA, MODELS, dpi=75).dpi == 75
    with pytest.raises(BadInput, match="resolution is 3"):
        cka.draw(CKA, MODELS, dpi=3)


def test_cells_shrink_and_labels_stay_legible() -> None:
    sizes = [heatmap.pitch(count) for count in range(1, 71)]
    assert all(a >= b for a, b in pairwise(sizes)) and 0.8 * sizes[-1] * 72 > 5
