"""Compare all layers of several observations, models with their input images; only the result is stored."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from kindred.activations import layer_choice, streaming
from kindred.images import images, selection
from kindred.models import storage
from kindred.similarity import comparison, layer_comparison
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    settings, wanted = snakemake.params.settings, snakemake.params.observations
    measures = snakemake.params.measures
    memory = int(snakemake.config["memory"] * 2**30)
    paths = dict(zip(dict.fromkeys(seen for _, seen in wanted), snakemake.input.images, strict=True))
    stimuli = {seen: images.load(path) for seen, path in paths.items()}
    count = min(settings["images"], *map(len, stimuli.values()))
    chosen = np.arange(count)
    if settings.get("stratified"):  # images for training are in the order of their source, which may be by class
        chosen = np.sort(selection.in_turn(min(stimuli.values(), key=len).labels)[:count])
    stimuli = {seen: loaded.take(chosen) for seen, loaded in stimuli.items()}
    for seen, loaded in stimuli.items():
        if loaded.ids != stimuli[wanted[0][1]].ids:
            raise BadInput(
                f"the images '{seen}' and '{wanted[0][1]}' are not of the same ones; delete the outdated store."
            )
    first = stimuli[wanted[0][1]]

    files = {}
    for name in storage.names(snakemake.input.models):
        start = 2 * len(files)
        files[name] = snakemake.input.models[start : start + 2]
    for folder in map(Path, snakemake.input.snapshots):
        for path in folder.glob("*.safetensors"):
            files[f"{folder.name}~{path.stem}"] = [str(path), str(path.with_suffix(".json"))]
    models = {name: storage.load(name, *files[name]) for name in dict.fromkeys(n for n, _ in wanted)}

    options = settings["pooled"], settings["layers"] != layer_choice.PAPER  # pooled, copied
    classifiers = {name: model.classifier.to(device) for name, model in models.items()}
    example = torch.from_numpy(first.pixels[:1]).to(device)
    layers = layer_choice.of_models(classifiers, settings["layers"], settings["fraction"], example)
    observations = [
        streaming.Observation(name, classifiers[name], stimuli[seen].pixels, layers[name], *options)
        for name, seen in wanted
    ]
    total = sum(len(one.layers) for one in observations)

    def features(chosen: torch.Tensor | None) -> Iterable[Iterable[torch.Tensor]]:
        parts = observations if chosen is None else [one.of(chosen.numpy()) for one in observations]
        outputs = (streaming.features(one, device, memory) for one in parts)
        return progress(chain.from_iterable(outputs), "layers", total=total)

    labelled = comparison.of_classes(settings, first.labels)
    found, share = layer_comparison.compare(features, total, count, measures, labelled, memory)
    attributes = {
        "weights": {name: model.weights for name, model in models.items()},
        "images": count,
        "measures": list(found),
        "settings": settings,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "model", [name for name, _ in wanted], ("observation",))
        store.put(group, "seen", [seen for _, seen in wanted], ("observation",))
        index = [number for number, one in enumerate(observations) for _ in one.layers]
        store.put(group, "observation", np.array(index), ("layer",))
        store.put(group, "layer", [layer for one in observations for layer in one.layers], ("layer",))
        for column, values in share.items():
            store.put(group, f"principal_{column}", values, ("layer",))
        for measure, matrices in found.items():
            for column, values in matrices.items():
                store.put(group, f"{measure}_{column}", values, ("layer", "other_layer"))
    log.info("%d layers of %d observations on %d images", total, len(observations), count)
