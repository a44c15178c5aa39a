"""Show images inverted through some models to others and compare what both say; nothing is stored in between.

Models are loaded once each, and those that are tested stay: their weights are small beside what they would say to all
inverters' images, which is taken one inverter, and within that a few tested models, at a time. `similarity.groups`
decides how many models that are.
"""

import numpy as np
import torch
from kindred import batches, checkpoints, comparison, device, images, layers, records, store
from kindred.job import job, log, progress
from kindred.observe import penultimate

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    settings, memory = snakemake.params.settings, snakemake.config["memory"] * 2**30
    inverters = checkpoints.names(snakemake.input.inverters)
    tested = checkpoints.names(snakemake.input.tested)
    paths = dict(zip(inverters, snakemake.input.inverted, strict=True))
    ids = store.demand_same_images(*paths.values())
    about = {name: store.attributes(path) for name, path in paths.items()}
    for name, path in paths.items():
        records.demand_same_layer(path, about[name].get("layer"), name, layers.PENULTIMATE)
    targets = None
    if any(measure in comparison.STIR for measure in settings["measures"]):
        targets = images.load(snakemake.input.natural, len(ids)).pixels

    def say(model: checkpoints.Model, shown: np.ndarray) -> torch.Tensor:
        example = torch.from_numpy(shown[:1]).to(place)
        batch = batches.fitting(model.classifier, example, memory, gradients=False)
        return penultimate(model.classifier, shown, name=model.name, device=place, batch=batch)

    ready, weights, natural = {}, {}, {}
    for model in progress(checkpoints.each(snakemake.input.tested), "models", total=len(tested)):
        model.classifier.to(place)
        ready[model.name], weights[model.name] = model, model.weights
        natural[model.name] = None if targets is None else say(model, targets)

    parts, count = [], []
    for name, weights_path, description in progress(
        list(zip(inverters, snakemake.input.inverters[::2], snakemake.input.inverters[1::2], strict=True)),
        "comparing",
    ):
        inverter = ready.get(name) or checkpoints.load(name, weights_path, description)
        inverter.classifier.to(place)
        weights[name] = inverter.weights
        records.demand_same_weights(paths[name], about[name]["weights"], name, inverter.weights)
        stimuli = store.array(paths[name], "images")[:]
        kept = comparison.converged(
            store.array(paths[name], "residual")[:], snakemake.params.largest_residual, name
        )
        own = say(inverter, stimuli)[kept].to(place)

        answers = (
            (
                own if other == name else say(ready[other], stimuli)[kept].to(place),
                None if targets is None else natural[other][kept].to(place),
            )
            for other in tested
        )
        parts.append(comparison.compare_inverted(own, answers, settings, memory))
        count += [len(kept)] * len(tested)

    pairs = [(inverter, other) for inverter in inverters for other in tested]
    attributes = {
        "members": snakemake.params.members,
        "weights": weights,
        "images": len(ids),
        "settings": settings,
        "layer": layers.PENULTIMATE,
        "largest_residual": snakemake.params.largest_residual,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "measure", settings["measures"], ("measure",))
        store.put(group, "model_a", [inverter for inverter, _ in pairs], ("pair",))
        store.put(group, "model_b", [other for _, other in pairs], ("pair",))
        store.put(group, "n", np.array(count), ("pair",))
        for column in ("value", "low", "high", "null"):
            rows = [np.stack([part[measure][column] for measure in settings["measures"]]) for part in parts]
            store.put(group, column, np.concatenate(rows, axis=1), ("measure", "pair"))
    log.info("%d inverters, %d models, %d images", len(inverters), len(tested), len(ids))
