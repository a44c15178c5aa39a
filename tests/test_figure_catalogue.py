"""Every figure of the catalogue, drawn by the pipeline's one script from tables of large and of very small studies."""

import types
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import figure_study
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import yaml
from figure_tables import MODELS, assert_fits
from kindred.config.reading import check
from kindred.figures import catalogue
from kindred.figures.layout import reading, style
from kindred.workflow import store
from workflow import ROOT

from scripts import run

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
OWN = {"published", "layerwise", "similarity", "figures", "sat"}
LOOK = {"dpi": 60, "font_size": 8.0}


def study(names: list[str], **sections: Any) -> dict[str, Any]:
    """The default study of some of its models, without layers of networks, checked."""
    config = {key: value for key, value in CONFIG.items() if key not in OWN}
    config["models"] = {name: CONFIG["models"][name] for name in names}
    config["attacks"] = {name: CONFIG["attacks"]["pgd_linf"] for name in ("pgd", "mim")}
    config["similarity"] = {"measures": ["cka_debiased", "cka_biased", "stir"]}
    return check(config | sections)


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Tables as files, below `folder` by their names in the catalogue."""
    for name, table in found.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(table, pd.DataFrame):
            table.to_csv(path, index=False)
            continue
        with store.writing(folder / f"{name}.zarr", {}) as group:
            for key, values in table.items():
                store.put(group, key, values, [f"{key}_{axis}" for axis in range(np.ndim(values))])


def draw(folder: Path, drawn: catalogue.Drawn, path: str, look: Mapping[str, Any] = LOOK) -> str:
    """Draw a figure as the pipeline does and return its caption."""
    names = drawn.figure.tables
    files = [folder / f"{name}.{'zarr' if name == 'gallery' else 'csv'}" for name in names]
    output = {kind: str(folder / "figures" / f"{path}.{kind}") for kind in ("png", "pdf")}
    params = {"tables": list(names), "module": drawn.figure.module, "options": drawn.options, "look": dict(look)}
    place = types.SimpleNamespace(
        input=[str(file) for file in files],
        output=types.SimpleNamespace(**output),
        params=types.SimpleNamespace(**params),
        log=[str(folder / "log" / f"{path}.log")],
        threads=1,
    )
    run("draw_figure", place)
    for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        content = Path(output[kind]).read_bytes()
        assert content.startswith(start) and len(content) > 2000, (path, kind)
    found = reading.read_all(names, [str(file) for file in files])
    with style.applied(72, 8.0) as chosen:
        figure, caption = import_module(drawn.figure.module).draw(found, drawn.options, chosen)
    assert_fits(figure)
    return caption


def wrong(folder: Path, figures: Mapping[str, catalogue.Drawn]) -> dict[str, str]:
    """What is wrong with each figure, nothing for those that are right."""
    found = {}
    for path, drawn in figures.items():
        try:
            caption = draw(folder, drawn, path)
        except (Exception, SystemExit) as error:
            found[path] = f"{type(error).__name__}: {error}"
            continue
        words = caption.replace("(", " ").replace(",", " ").replace(".", " ").split()
        if {"nan", "None", "inf"} & set(words) or "1 pairs" in caption or "  " in caption:
            found[path] = caption
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_every_figure_that_a_study_has_is_drawn_whole(count: int, tmp_path: Path) -> None:
    """Nothing is empty, undefined in a caption or cut off, however few models there are."""
    models = MODELS.iloc[[0, 5, 10][:count]] if count < 17 else MODELS
    config = study(list(models["model"]))
    drawn, lacking = catalogue.of_study(config)
    assert drawn and set(lacking) | {one.name for one in drawn.values()} == set(catalogue.FIGURES)
    write(tmp_path, figure_study.every_table(models, defined=count > 3))
    assert wrong(tmp_path, drawn) == {}


def test_the_rest_of_the_catalogue_is_drawn_whole(tmp_path: Path) -> None:
    """Figures that the study above has no sections for."""
    write(tmp_path, figure_study.every_table(MODELS))
    figures = {
        name: catalogue.Drawn(name, figure, {"measure": "cka_debiased", "each": "threats"})
        for name, figure in catalogue.FIGURES.items()
        if name in ("published", "distillation") or set(figure.papers) == {catalogue.CIANFARANI}
    }
    for name in ("block_structure", "block_stimuli"):
        figures[name].options["natural"] = name == "block_structure"
    assert wrong(tmp_path, figures) == {}
    config = check(CONFIG)
    drawn = {one.name for one in (*catalogue.of_study(config)[0].values(), *figures.values())}
    assert drawn == set(catalogue.FIGURES)


@pytest.mark.parametrize(
    ("names", "sections", "lacking"),
    [
        (["vit-std"], {}, {"transfer": "2 models", "gradients": "at one budget", "estimators": "2 models"}),
        (["vit-std"], {}, {"similarity_by_budget": "2 models", "quality": None, "gallery": None}),
        (["vit-std", "vgg-linf10"], {}, {"gradients": "at one budget", "transfer": None, "clusters": "3 models"}),
        (["resnet-std", "resnet-std-b"], {}, {"gradients": None, "stitching": "two architectures"}),
        (["resnet-std", "vgg-std"], {}, {"gradients": None, "similarity_by_architecture": None}),
        (["resnet-std", "vgg-std"], {"inversions": {}}, {"gallery": "inversions", "similarity": None}),
        (["resnet-std", "vgg-std"], {"similarity": {"layer_pairs": []}}, {"layers": "layer_pairs is empty"}),
        (
            ["resnet-std", "vgg-std"],
            {"figures": {name: {"measure": "stir"} for name in ("similarity", "similarity_by_budget")}},
            {"similarity": "natural images", "similarity_by_budget": None},
        ),
    ],
)
def test_what_a_study_lacks_is_known_before_any_job(
    names: list[str], sections: dict[str, Any], lacking: dict[str, str | None]
) -> None:
    config = study(names, stitching={"images": 100}, **sections)
    drawn, reasons = catalogue.of_study(config)
    for name, reason in lacking.items():
        assert (name in drawn) == (reason is None), (name, reasons.get(name))
        assert reason is None or reason in reasons[name]


def test_the_same_architecture_with_other_arguments_is_another() -> None:
    models = {
        name: {"architecture": "test_resnet", "training": "standard", "arguments": {"channels": [size] * 4}}
        for name, size in (("narrow", 8), ("wide", 16))
    }
    assert "stitching" in catalogue.of_study(study([], models=models, stitching={"images": 100}))[0]


def test_resolution_and_type_size_are_those_asked_for(tmp_path: Path) -> None:
    config = study(list(MODELS["model"]))
    drawn = catalogue.of_study(config)[0]["accuracies"]
    write(tmp_path, {"models": MODELS})
    sizes = []
    for place, look in enumerate(
        ({"dpi": 60, "font_size": 8.0}, {"dpi": 120, "font_size": 8.0}, {"dpi": 60, "font_size": 12})
    ):
        draw(tmp_path, drawn, str(place), look)
        sizes.append(np.array(matplotlib.image.imread(tmp_path / f"figures/{place}.png").shape[:2]))
    np.testing.assert_allclose(sizes[1] / sizes[0], 2, atol=0.02)
    np.testing.assert_allclose(sizes[2] / sizes[0], 1.5, atol=0.02)
