"""Tables: where each lies, which rule makes it, and what a study must have for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from kindred.claims.catalogue import CLAIMS

Config = Mapping[str, Any]
Needs = Callable[[Config], str]  # '' where a checked config has what is needed, else what it lacks


def models(config: Config) -> str:
    return "" if config["models"] else "the study has no models of its own"


def own_models(config: Config) -> str:
    return "a table of SAT is analysed in place of models" if config["similarity"]["external"] else models(config)


def attacks(config: Config) -> str:
    return models(config) or ("" if config["attacks"] else "the study has no attacks")


def inversions(config: Config) -> str:
    return models(config) or ("" if config["inversions"] else "the study has no inversions")


def section(name: str) -> Needs:
    """The study must have a section that is left out by default."""
    return lambda config: models(config) or ("" if config[name] else f"the study has no section {name}")


def sat(config: Config) -> str:
    """SAT of the study's own models, or a table of it."""
    return "" if config["similarity"]["external"] else attacks(config)


def own_sat(config: Config) -> str:
    return own_models(config) or attacks(config)


def components(config: Config) -> str:
    known = config["sat"]["components"]["table"]
    return sat(config) or ("" if known else own_models(config) and "sat.components.table is not given")


def distillation(config: Config) -> str:
    return own_sat(config) or ("" if config["sat"]["distillation"] else "the study has no section sat.distillation")


def layerwise(*keys: str) -> Needs:
    """The study must have something under these keys of `layerwise`."""

    def needs(config: Config) -> str:
        own = config["layerwise"] or {}
        lacking = [key for key in keys if not own.get(key)]
        return f"the study has no section layerwise.{lacking[0]}" if lacking else ""

    return needs


@dataclass(frozen=True)
class Table:
    """A table: its path below results/tables, the rule that makes it, what it holds, and what it needs."""

    path: str
    rule: str
    label: str
    needs: Needs


def _csv(rule: str, needs: Needs, folder: str = "", **labels: str) -> dict[str, Table]:
    return {f"{folder}{name}": Table(f"{folder}{name}.csv", rule, label, needs) for name, label in labels.items()}


_layers = partial(_csv, folder="cianfarani/")

# The tables of the study itself, and those of the analyses that the papers' targets make.
STUDY = {
    **_csv(
        "collect_models",
        models,
        models="every model: design, training, accuracy",
        accuracies="accuracies of every model, with intervals",
    ),
    **_csv("collect_cka", models, cka="model x model similarity on natural and inverted images"),
    **_csv("collect_layers", models, layers="layer x layer similarity of pairs of models"),
    **_csv("collect_transfer", attacks, transfer="directed transfer rates"),
    **_csv("collect_transfer", sat, sat="SAT of pairs of models"),
    **_csv(
        "collect_inversions",
        inversions,
        inversions="residuals of inversions",
        inversion_curves="residuals over the steps",
    ),
    **_csv("collect_gradients", section("gradients"), gradients="cosines of input gradients"),
    **_csv("collect_stitching", section("stitching"), stitching="agreement of stitched models with their heads"),
    **_csv(
        "collect_published",
        section("published"),
        published="cells in common with Jones et al. 2022",
        published_summary="how far they differ",
    ),
}
ANALYSES = {
    "gallery": Table("gallery.zarr", "collect_gallery", "a few inverted images with seeds and targets", inversions),
    **_csv("describe_components", components, components="the components of every model"),
    **_csv(
        "cluster_models",
        sat,
        clusters="groups of models",
        stability="agreement of groups over seeds",
        eigenvalues="spectrum of the affinities",
        map="places of models on a plane",
    ),
    **_csv(
        "compare_clusters",
        sat,
        labels="agreement of groups with what is known of the models",
        sensitivity="the same for other affinities, diagonals, attacks, numbers of groups and images",
    ),
    **_csv(
        "explain_sat",
        components,
        importance="importance of components",
        regression="how much of SAT components explain",
    ),
    **_csv(
        "evaluate_ensembles",
        own_sat,
        ensembles="sets of models and their gain",
        ensemble_gains="gain against SAT",
        ensemble_choice="ways to choose a set",
    ),
    **_csv(
        "compare_measures", own_sat, pairs="measures of every pair of models", mantel="Mantel tests between measures"
    ),
    **_csv(
        "collect_variation",
        own_sat,
        variation="pairs of models by what they differ in",
        variation_means="mean SAT and excess by what they differ in",
    ),
    **_csv("collect_quality", own_sat, quality="how far an attack can be trusted"),
    **_csv(
        "collect_distillation",
        distillation,
        distillation="students and what teachers gave them",
        distillation_summary="gain against SAT",
    ),
    **_layers("collect_layerwise_models", layerwise(), models="models of layerwise", accuracy="accuracy under attack"),
    **_layers(
        "collect_panels",
        layerwise("panels"),
        panels="every cell of every panel",
        structure="block structure in numbers",
        distance="similarity by distance of layers",
        principal="variance along the first principal component",
        estimators="estimators compared",
    ),
    **_layers("collect_benign", layerwise("benign"), benign="natural against adversarial images"),
    **_layers("collect_epochs", layerwise("epochs"), epochs="layers over training", curves="accuracy over training"),
    **_layers(
        "collect_series",
        layerwise("series"),
        series="models side by side, layer by layer",
        series_cells="every cell of each model with itself",
        series_structure="block structure of each model",
    ),
    **_layers("collect_alignments", layerwise("alignments"), alignments="CCA and its kin of corresponding layers"),
}


def claims_of(config: Config) -> list[str]:
    """The claims that a checked config has tables for."""
    known = {**STUDY, **ANALYSES}
    return [name for name, one in CLAIMS.items() if not any(known[table].needs(config) for table in one.tables)]


def claims(config: Config) -> str:
    return "" if claims_of(config) else "the study has tables for none of the claims"


TABLES = {**STUDY, **ANALYSES, **_csv("collect_claims", claims, claims="claims of the papers, and what the study says")}
