"""Compare models on images inverted through the models of a group; no features are stored.

Models are loaded once each, and tested models stay: their weights are small beside their features of all
inverters' images, which are computed for one inverter, and within that for a few tested models, at a time.
`similarity.groups` limits the number of models.
"""

import numpy as np
import torch
from kindred.activations import batches, layers
from kindred.activations.extraction import penultimate
from kindred.images import images
from kindred.inversion import seeds
from kindred.models import descriptions, storage
from kindred.similarity import comparison
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    settings, measures = snakemake.params.settings, snakemake.params.measures
    memory = snakemake.config["memory"] * 2**30
    inverters = storage.names(snakemake.input.inverters)
    tested = storage.names(snakemake.input.tested)
    paths = dict(zip(inverters, snakemake.input.inverted, strict=True))
    store.demand_same_images(*paths.values())
    about = {name: store.attributes(path) for name, path in paths.items()}
    for name, path in paths.items():
        descriptions.demand_same_layer(path, about[name].get("layer"), name, layers.PENULTIMATE)
    # Targets come again in every pairing, and the seeds are the same for all inverters.
    pairing = store.array(paths[inverters[0]], "pairing")[:]
    groups = [np.flatnonzero(pairing == one) for one in np.unique(pairing)]
    targets = None
    if any(one["between"] == "images" for one in measures.values()):
        targets = images.load(snakemake.input.natural, len(groups[0])).pixels
    begun = store.strings(paths[inverters[0]], "seed_image")
    for path in paths.values():
        seeds.demand_same(path, store.strings(path, "seed_image"), begun)
    start = images.load_some([snakemake.input.natural, *snakemake.input.training], begun).pixels

    def features(model: storage.Model, pixels: np.ndarray) -> torch.Tensor:
        example = torch.from_numpy(pixels[:1]).to(device)
        batch = batches.fitting(model.classifier, example, memory, gradients=False)
        return penultimate(model.classifier, pixels, name=model.name, device=device, batch=batch)

    loaded, weights, natural, before = {}, {}, {}, {}
    for model in progress(storage.each(snakemake.input.tested), "models", total=len(tested)):
        model.classifier.to(device)
        loaded[model.name], weights[model.name] = model, model.weights
        natural[model.name] = None if targets is None else features(model, targets)
        before[model.name] = features(model, start)

    parts, count = [], []
    for name, weights_path, description in progress(
        list(zip(inverters, snakemake.input.inverters[::2], snakemake.input.inverters[1::2], strict=True)), "comparing"
    ):
        inverter = loaded.get(name) or storage.load(name, weights_path, description)
        inverter.classifier.to(device)
        weights[name] = inverter.weights
        descriptions.demand_same_weights(paths[name], about[name]["weights"], name, inverter.weights)
        stimuli, residual, labels = (store.array(paths[name], array)[:] for array in ("images", "residual", "label"))
        found, left = [], []
        for rows in groups:
            kept = comparison.converged(residual[rows], snakemake.params.largest_residual, name)
            shown = rows[kept]
            own = features(inverter, stimuli[shown]).to(device)
            pairs = (
                (
                    own if other == name else features(loaded[other], stimuli[shown]).to(device),
                    None if targets is None else natural[other][kept].to(device),
                    before[other][shown].to(device),
                )
                for other in tested
            )
            options = comparison.of_classes(settings, labels[shown])  # of the targets
            found.append(comparison.compare_inverted(own, pairs, measures, options, memory))
            left.append(len(kept))
        parts.append({one: comparison.over_pairings([rows[one] for rows in found]) for one in measures})
        count += [min(left)] * len(tested)

    pairs = [(inverter, other) for inverter in inverters for other in tested]
    attributes = {
        "members": sorted({*inverters, *tested}),
        "weights": weights,
        "images": len(groups[0]),
        "settings": settings,
        "layer": layers.PENULTIMATE,
        "largest_residual": snakemake.params.largest_residual,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "measure", list(measures), ("measure",))
        store.put(group, "model_a", [inverter for inverter, _ in pairs], ("pair",))
        store.put(group, "model_b", [other for _, other in pairs], ("pair",))
        store.put(group, "n", np.array(count), ("pair",))
        for column in ("value", "low", "high", "null", "spread"):
            rows = [np.stack([part[measure][column] for measure in measures]) for part in parts]
            store.put(group, column, np.concatenate(rows, axis=1), ("measure", "pair"))
    log.info("%d inverters, %d models, %d images", len(inverters), len(tested), len(groups[0]))
