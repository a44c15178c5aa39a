"""Compare all layers of some models, each shown images, with all others; nothing but the result is stored."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from kindred import checkpoints, device, images, layerchoice, looks, store, streams
from kindred.errors import BadInput
from kindred.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    settings, wanted = snakemake.params.settings, snakemake.params.observations
    memory = int(snakemake.config["cianfarani"]["memory"] * 2**30)
    paths = dict(zip(dict.fromkeys(seen for _, seen in wanted), snakemake.input.images, strict=True))
    shown = {seen: images.load(path) for seen, path in paths.items()}
    count = min(settings["images"], *map(len, shown.values()))
    first = next(iter(shown.values()))
    for seen, some in shown.items():
        if some.ids[:count] != first.ids[:count]:
            raise BadInput(f"the images '{seen}' are not those of '{wanted[0][1]}'; make both again.")

    files = {}
    for name in checkpoints.names(snakemake.input.models):
        at = 2 * len(files)
        files[name] = snakemake.input.models[at : at + 2]
    for folder in map(Path, snakemake.input.snapshots):
        for path in folder.glob("*.safetensors"):
            files[f"{folder.name}~{path.stem}"] = [str(path), str(path.with_suffix(".json"))]
    models = {name: checkpoints.load(name, *files[name]) for name in dict.fromkeys(n for n, _ in wanted)}

    observed = []
    for name, seen in wanted:
        classifier = models[name].classifier.to(place)
        example = torch.from_numpy(first.pixels[:1]).to(place)
        layers = layerchoice.select(classifier, settings["layers"], settings["fraction"], example)
        safe = settings["layers"] != layerchoice.PAPER
        pixels = shown[seen].pixels[:count]
        observed.append(streams.Observation(name, classifier, pixels, layers, settings["pooled"], safe))
    total = sum(len(one.layers) for one in observed)

    def show(chosen: torch.Tensor | None) -> Iterable[Iterable[torch.Tensor]]:
        some = observed if chosen is None else [one.of(chosen.numpy()) for one in observed]
        each = (streams.features(one, place, memory) for one in some)
        return progress(chain.from_iterable(each), "layers", total=total)

    found, share = looks.compare(show, total, count, snakemake.params.measures, settings, memory)
    attributes = {
        "made": snakemake.params.made,
        "weights": {name: model.weights for name, model in models.items()},
        "images": count,
        "measures": list(found),
        "settings": settings,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "model", [name for name, _ in wanted], ("observation",))
        store.put(group, "seen", [seen for _, seen in wanted], ("observation",))
        index = [place for place, one in enumerate(observed) for _ in one.layers]
        store.put(group, "observation", np.array(index), ("layer",))
        store.put(group, "layer", [layer for one in observed for layer in one.layers], ("layer",))
        store.put(group, "share", share, ("layer",))
        for measure, values in found.items():
            store.put(group, measure, values, ("layer", "other_layer"))
    log.info("%d layers of %d observations on %d images", total, len(observed), count)
