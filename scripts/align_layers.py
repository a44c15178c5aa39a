"""Compare corresponding layers of two models by CCA, SVCCA, PWCCA, Procrustes and CKA."""

import numpy as np
import pandas as pd
import torch
from kindred.activations import layer_choice, streaming
from kindred.images import images
from kindred.models import storage
from kindred.similarity import cca, cka_measures, comparison
from kindred.tables import tables
from kindred.workflow.device import choose
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job, progress

PAIRINGS = 5  # random pairings behind each null level, whose mean hardly varies

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    settings, directions = snakemake.params.settings, snakemake.params.directions
    memory = int(snakemake.config["memory"] * 2**30)
    stimuli = images.load(snakemake.input.images, settings["images"])
    example = torch.from_numpy(stimuli.pixels[:1]).to(device)
    options = settings["pooled"], settings["layers"] != layer_choice.PAPER  # pooled, copied
    observations = []
    for model in storage.each(snakemake.input.models):
        classifier = model.classifier.to(device)
        layers = layer_choice.select(classifier, settings["layers"], settings["fraction"], example)
        observations.append(streaming.Observation(model.name, classifier, stimuli.pixels, layers, *options))
    a, b = observations
    if a.layers != b.layers:
        raise BadInput(f"models '{a.name}' and '{b.name}' have different layers; they must have the same.")

    labelled = comparison.of_classes(settings, stimuli.labels)
    # The same random pairings of images for all layers and all pairs of models.
    orders = [np.random.default_rng(index).permutation(len(stimuli)) for index in range(PAIRINGS)]
    rows = []
    pairs = zip(*(streaming.features(one, device, memory) for one in observations), strict=True)
    for place, parts in enumerate(progress(pairs, "aligning layers", total=len(a.layers))):
        first, second = (torch.cat(list(columns), dim=1) for columns in parts)
        by_cka = cka_measures.compare(["cka_debiased"], [first, second], [(0, 1)], labelled)["cka_debiased"]
        found = {"cka_debiased": [by_cka[column][0] for column in ("value", "low", "high", "null")]}
        sides = [cca.spread(np.asarray(features.cpu())) for features in (first, second)]
        for name, measure in cca.MEASURES.items():
            options = {"directions": directions} if name == "svcca" else {}
            level = cca.null(name, *sides, orders, **options)
            found[name] = [measure(*sides, **options), np.nan, np.nan, level]
        ranks = [len(side.s) for side in sides]
        for name, values in found.items():
            rows.append((a.name, b.name, a.layers[place], place, name, *values, len(stimuli), *ranks))
    named = ["model_a", "model_b", "layer", "place", "measure"]
    columns = [*named, "value", "low", "high", "null", "n", "rank_a", "rank_b"]
    tables.write(snakemake.output[0], pd.DataFrame(rows, columns=columns))
