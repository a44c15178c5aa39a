"""Compare a group of models with another on the same images: penultimate layers in full, all layers with all."""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from kindred import comparison, device, store
from kindred.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    settings = snakemake.params.settings
    about, paths = {}, {}
    for path in [*snakemake.input.first, *snakemake.input.second]:
        found = store.attributes(path)
        about[found["model"]], paths[found["model"]] = found, path
    names = list(about)
    first, second = names[: len(snakemake.input.first)], names[-len(snakemake.input.second) :]
    ids = store.demand_same_images(*paths.values())

    def load(name: str, layer: str) -> torch.Tensor:
        return torch.from_numpy(store.array(paths[name], layer)[:]).to(place)

    if first == second:
        pairs = list(itertools.combinations_with_replacement(first, 2))
    else:
        pairs = list(itertools.product(first, second))
    penultimate = [load(name, "penultimate") for name in names]
    found = comparison.compare(penultimate, [(names.index(a), names.index(b)) for a, b in pairs], settings)
    every = [(name, layer) for name in names for layer in about[name]["layers"]]

    def observe(first: int = 0, last: int | None = None) -> Iterator[torch.Tensor]:
        return (load(*both) for both in progress(every[first:last], "layers"))

    cubes = comparison.layers(
        observe,
        snakemake.params.layer_measures,
        settings,
        count=len(every),
        images=len(ids),
        memory=snakemake.config["memory"] * 2**30,
    )

    attributes = {
        "members": snakemake.params.members,
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
        store.put(group, "layer_model", [name for name, _ in every], ("layer",))
        store.put(group, "layer_name", [layer for _, layer in every], ("layer",))
        for measure, values in cubes.items():
            store.put(group, f"layers_{measure}", values, ("layer", "other_layer"))
    log.info("%d pairs of models, %d layers, %d images", len(pairs), len(every), len(ids))
