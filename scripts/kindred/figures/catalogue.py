"""Figures: the module that draws each, the tables it needs, its settings, and the paper it belongs to.

The module of a figure has `draw(tables, options, style)`, which gives the figure and its caption; tables are those that
its entry names, by their names. A figure is drawn when the study has data for it, unless its settings are `false`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, create_model

from kindred.config.base import Number, Settings, Whole, allowed, unit
from kindred.figures import choices, settings
from kindred.tables.catalogue import TABLES, Config, Needs

JONES, HWANG, CIANFARANI, CLAIMS = "jones2022", "hwang2024", "cianfarani2022", "claims"


@dataclass(frozen=True)
class Figure:
    """A figure: its module, what it shows, the tables it is drawn from, and the papers whose targets draw it.

    own: whether plain `snakemake` draws it. path: below results/figures, where it is not the entry's name; `{each}`
    stands for one of `each`. options: what the module is given; lacks: what a study may lack for it beside the tables.
    """

    module: str
    label: str
    tables: tuple[str, ...]
    lacks: tuple[Needs, ...] = ()
    papers: tuple[str, ...] = ()
    own: bool = True
    path: str = ""
    settings: type[Settings] = settings.Plain
    options: choices.Options = choices.settings
    each: Callable[[Config], Iterable[str]] | None = None


def _of(module: str, label: str, tables: str, *lacks: Needs, **more: Any) -> Figure:
    return Figure(f"kindred.figures.{module}", label, tuple(tables.split()), **{"lacks": lacks, **more})


_jones, _hwang = partial(_of, papers=(JONES,)), partial(_of, papers=(HWANG,), own=False)


def _layers(module: str, label: str, tables: str, *lacks: Needs, path: str = "", **more: Any) -> Figure:
    named, path = " ".join(f"cianfarani/{table}" for table in tables.split()), f"cianfarani/{path or module}"
    return _of(module, label, named, *lacks, papers=(CIANFARANI,), own=False, path=path, **more)


SIMILARITY: dict[str, Any] = {"settings": settings.SimilarityFigure, "options": choices.similarity}
ON_BOTH = {**SIMILARITY, "lacks": (choices.natural("similarity"),)}
INVERTED = {**SIMILARITY, "lacks": (choices.inverted, choices.two_models)}
BY_ARCHITECTURE = {
    **SIMILARITY,
    "lacks": (choices.inverted, choices.natural("similarity_by_architecture"), choices.architectures_alike),
}
ESTIMATORS: dict[str, Any] = {
    "settings": settings.InversionFigure,
    "lacks": (choices.two_models, choices.two_estimators),
}
TRANSFER: dict[str, Any] = {"settings": settings.TransferFigure}
LAYERS: dict[str, Any] = {
    "settings": settings.LayersFigure,
    "options": choices.layers,
    "lacks": (choices.layer_pairs,),
}
GALLERY: dict[str, Any] = {"settings": settings.GalleryFigure, "options": choices.gallery}
COMPARED: dict[str, Any] = {"path": "series_{each}", "each": choices.comparisons}
MANY = choices.three_models
NATURAL, OTHER = choices.panels(natural=True), choices.panels(natural=False)
FIGURES = {
    "accuracies": _of("accuracies", "clean accuracy and accuracy under attack", "models"),
    "similarity": _of("similarity", "model x model similarity on natural and inverted images", "models cka", **ON_BOTH),
    "layers": _of("layers", "layer x layer similarity of pairs of models", "models layers", **LAYERS),
    "transfer": _of("transfer", "transfer rates and SAT", "models transfer sat", choices.two_models, **TRANSFER),
    "excess": _of(
        "excess",
        "SAT against its null and its ceiling",
        "models transfer sat",
        choices.two_models,
        choices.with_null,
        **TRANSFER,
    ),
    "similarity_by_budget": _jones(
        "similarity_by_budget", "similarity on inverted images by training budget", "models cka", **INVERTED
    ),
    "similarity_by_architecture": _jones(
        "similarity_by_architecture",
        "similarity of architectures, natural and inverted",
        "models cka",
        **BY_ARCHITECTURE,
    ),
    "similarity_by_architecture_and_budget": _jones(
        "similarity_by_architecture_and_budget",
        "similarity on inverted images by architecture and budget",
        "models cka",
        **INVERTED,
    ),
    "estimators": _jones("estimators", "biased and debiased estimators compared", "models cka", **ESTIMATORS),
    "gallery": _jones("gallery", "inverted images beside seeds and targets", "models gallery", **GALLERY),
    "gradients": _jones("gradients", "cosines of input gradients by budget", "models gradients", choices.trained_alike),
    "stitching": _jones("stitching", "agreement of stitched models", "models stitching", choices.architectures_alike),
    "published": _jones(
        "published",
        "the study's numbers beside the published ones",
        "published published_summary",
        choices.known_to_jones,
        options=choices.measure_of("published"),
    ),
    "residuals": _jones(
        "residuals",
        "residuals of inversions",
        "models inversions inversion_curves",
        path="residuals_{each}",
        each=choices.inversions,
    ),
    "clusters": _hwang("clusters", "SAT with models in groups", "sat clusters labels", MANY, options=choices.sat),
    "spectrum": _hwang("spectrum", "eigenvalues and stability of groups", "clusters eigenvalues stability", MANY),
    "sensitivity": _hwang("sensitivity", "agreement of groups with architectures by all choices", "sensitivity", MANY),
    "map": _hwang("map", "models on a plane by SAT", "clusters map", MANY),
    "components": _hwang("components", "components that explain SAT", "importance regression", MANY),
    "ensembles": _hwang("ensembles", "gain of ensembles against SAT", "ensembles ensemble_gains ensemble_choice", MANY),
    "measures": _hwang(
        "measures", "measures of similarity against each other", "pairs mantel", MANY, options=choices.measures
    ),
    "attacks": _hwang(
        "measures", "SAT under every attack", "pairs mantel", MANY, choices.two_attacks, options=choices.attacks
    ),
    "quality": _hwang("quality", "how far the attack can be trusted", "quality"),
    "distillation": _hwang("distillation", "gain of students against SAT", "distillation distillation_summary", MANY),
    "variation": _hwang("variation", "SAT by what models differ in", "variation variation_means", MANY),
    "claims": _of("claims", "what the study says on claims of the papers", "claims", papers=(CLAIMS,), own=False),
    "block_structure": _layers(
        "block_structure",
        "layers against layers on natural images",
        "panels models",
        NATURAL,
        options=choices.measure_of("layerwise", natural=True),
    ),
    "block_distance": _layers("block_distance", "block structure in numbers", "distance structure", NATURAL),
    "block_stimuli": _layers(
        "block_structure",
        "layers against layers on other images",
        "panels models",
        OTHER,
        path="block_stimuli",
        options=choices.measure_of("layerwise", natural=False),
    ),
    "principal": _layers("principal", "variance along the first principal component", "principal"),
    "layer_estimators": _layers(
        "layer_estimators",
        "estimators of layer similarity compared",
        "panels estimators",
        NATURAL,
        choices.estimators,
        path="estimators",
    ),
    "benign": _layers("benign", "natural against adversarial images", "benign accuracy"),
    "epochs": _layers("epochs", "layers over training", "epochs"),
    "curves": _layers("curves", "accuracy and similarity over training", "epochs curves"),
    "alignments": _layers("alignments", "CCA, SVCCA, PWCCA and Procrustes by layer", "alignments"),
    "series": _layers(
        "series", "models side by side, layer by layer", "series accuracy models", choices.compared, **COMPARED
    ),
    "series_blocks": _layers(
        "series_blocks",
        "each model of a series with itself",
        "series_cells series_structure",
        path="blocks_{each}",
        options=choices.measure_of("layerwise"),
        each=choices.series,
    ),
}


class _Look(Settings, title="figures"):
    """Resolution and type of all figures."""

    dpi: Annotated[Whole, unit("dots per inch", ge=50, le=1200)] = Field(200, description="Resolution of PNG files.")
    font_size: Annotated[Number, unit("points", ge=4, le=24)] = Field(8.0, description="Size of the type.")


def _setting(figure: Figure) -> Any:
    """A figure's field of the section: its settings, or false."""
    kind = figure.settings
    either = (
        Annotated[kind, Tag(f"<{kind.__name__}>")] | Annotated[Literal[False], Tag("<one>")]  # type: ignore[valid-type]
    )
    chosen = Discriminator(lambda value: "<one>" if value is False else f"<{kind.__name__}>")
    off = BeforeValidator(lambda value: False if value is None else value)
    text = f"Shows {figure.label}; false draws nothing."
    return Annotated[either, chosen, off, allowed("false or a map of settings")], Field(kind(), description=text)


Figures = create_model(  # type: ignore[call-overload]
    "Figures", __base__=_Look, **{name: _setting(figure) for name, figure in FIGURES.items()}
)


@dataclass(frozen=True)
class Drawn:
    """A figure that a study has: the name of its entry, the entry, and its options."""

    name: str
    figure: Figure
    options: dict[str, Any]


def of_study(config: Config) -> tuple[dict[str, Drawn], dict[str, str]]:
    """({path: figure} that a checked config has data for, {name: what others that are not off lack})."""
    drawn: dict[str, Drawn] = {}
    lacking: dict[str, str] = {}
    for name, figure in FIGURES.items():
        own = config["figures"][name]
        if own is False:
            continue
        needs = (*(TABLES[table].needs for table in figure.tables), *figure.lacks)
        if reason := next(filter(None, (lacks(config) for lacks in needs)), ""):
            lacking[name] = reason
            continue
        options = figure.options(config, own)
        for each in figure.each(config) if figure.each else [""]:
            more = {"each": each} if figure.each else {}
            drawn[(figure.path or name).format(each=each)] = Drawn(name, figure, {**options, **more})
    return drawn, lacking
