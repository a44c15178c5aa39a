"""Show images inverted through some models to others and compare what both say; nothing is stored in between."""

import numpy as np
from kindred import checkpoints, comparison, device, records, store
from kindred.job import job, log, progress
from kindred.observe import penultimate

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    inverters = checkpoints.names(snakemake.input.inverters)
    tested = checkpoints.names(snakemake.input.tested)
    files = list(dict.fromkeys([*snakemake.input.inverters, *snakemake.input.tested]))
    paths = dict(zip(inverters, snakemake.input.inverted, strict=True))
    ids = store.demand_same_images(*paths.values())
    about = {name: store.attributes(path) for name, path in paths.items()}
    stimuli = {name: store.array(path, "images") for name, path in paths.items()}

    # Each model is loaded once and shown all inverters' images; of what it says, one layer is kept.
    said, weights = {}, {}
    for model in progress(checkpoints.each(files), "models", total=len(files) // 2):
        classifier = model.classifier.to(place)
        weights[model.name] = model.weights
        for inverter in inverters if model.name in tested else [model.name]:
            said[inverter, model.name] = penultimate(
                classifier, stimuli[inverter], name=model.name, device=place
            )
    for inverter in inverters:
        records.demand_same_weights(paths[inverter], about[inverter]["weights"], inverter, weights[inverter])

    columns = {"value": [], "low": [], "high": [], "null": []}
    pairs = [(inverter, model) for inverter in inverters for model in tested]
    for inverter in progress(inverters, "comparing"):
        others = [model for model in tested if model != inverter]
        features = [said[inverter, model] for model in [inverter, *others]]
        order = [0 if model == inverter else 1 + others.index(model) for model in tested]
        found = comparison.compare(features, [(0, index) for index in order], snakemake.params.settings)
        for column, parts in columns.items():
            parts.append(np.stack([rows[column] for rows in found.values()]))

    attributes = {
        "members": snakemake.params.members,
        "weights": weights,
        "images": len(ids),
        "settings": snakemake.params.settings,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "measure", snakemake.params.settings["measures"], ("measure",))
        store.put(group, "model_a", [inverter for inverter, _ in pairs], ("pair",))
        store.put(group, "model_b", [model for _, model in pairs], ("pair",))
        for column, parts in columns.items():
            store.put(group, column, np.concatenate(parts, axis=1), ("measure", "pair"))
    log.info("%d inverters, %d models, %d images", len(inverters), len(tested), len(ids))
