"""Compare the models of two groups on the same images: penultimate features, and layers with layers."""

from collections.abc import Iterator

import numpy as np
import torch
from kindred.similarity import comparison
from kindred.workflow import store, tiles
from kindred.workflow.device import choose
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    settings, measures = snakemake.params.settings, snakemake.params.measures
    about, paths = {}, {}
    for path in [*snakemake.input.first, *snakemake.input.second]:
        found = store.attributes(path)
        about[found["model"]], paths[found["model"]] = found, path
    names = list(about)
    first, second = names[: len(snakemake.input.first)], names[-len(snakemake.input.second) :]
    ids = store.demand_same_images(*paths.values())
    options = comparison.of_classes(settings, store.array(paths[names[0]], "label")[:])

    def load(name: str, layer: str) -> torch.Tensor:
        return torch.from_numpy(store.array(paths[name], layer)[:]).to(device)

    pairs = tiles.pairs(first, second)
    penultimate = [load(name, "penultimate") for name in names]
    indices = [(names.index(a), names.index(b)) for a, b in pairs]
    found = comparison.compare(penultimate, indices, measures, options)
    unknown = {name: one for name, one in measures.items() if name in snakemake.params.permuted}
    p = {}
    if unknown and snakemake.params.permutations:
        p = comparison.p_by_permutation(penultimate, indices, found, unknown, options, snakemake.params.permutations)
    every = [(name, layer) for name in names for layer in about[name]["layers"]]

    def observe(first: int = 0, last: int | None = None) -> Iterator[torch.Tensor]:
        return (load(*layer) for layer in progress(every[first:last], "layers"))

    matrices = comparison.layers(
        observe,
        snakemake.params.layer_measures,
        options,
        count=len(every),
        images=len(ids),
        memory=snakemake.config["memory"] * 2**30,
    )

    attributes = {
        "members": names,
        "weights": {name: about[name]["weights"] for name in names},
        "images": len(ids),
        "settings": settings,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "measure", list(found), ("measure",))
        store.put(group, "model_a", [a for a, _ in pairs], ("pair",))
        store.put(group, "model_b", [b for _, b in pairs], ("pair",))
        store.put(group, "n", np.full(len(pairs), len(ids)), ("pair",))
        for column in ("value", "low", "high", "null"):
            store.put(group, column, np.stack([rows[column] for rows in found.values()]), ("measure", "pair"))
        untested = np.full(len(pairs), np.nan)
        store.put(group, "p", np.stack([p.get(name, untested) for name in found]), ("measure", "pair"))
        store.put(group, "layer_model", [name for name, _ in every], ("layer",))
        store.put(group, "layer_name", [layer for _, layer in every], ("layer",))
        for measure, columns in matrices.items():
            for column, values in columns.items():
                store.put(group, f"layers_{measure}_{column}", values, ("layer", "other_layer"))
    log.info("%d pairs of models, %d layers, %d images", len(pairs), len(every), len(ids))
