"""Compare corresponding layers of two models by CCA, SVCCA, PWCCA, Procrustes and CKA."""

import numpy as np
import pandas as pd
import torch
from kindred.activations import layer_choice, streaming
from kindred.images import images
from kindred.models import storage
from kindred.similarity import cca
from kindred.similarity.cka import cka
from kindred.similarity.gram import pack
from kindred.tables import tables
from kindred.workflow.device import choose
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job, progress

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

    rows = []
    pairs = zip(*(streaming.features(one, device, memory) for one in observations), strict=True)
    for place, parts in enumerate(progress(pairs, "aligning layers", total=len(a.layers))):
        first, second = (torch.cat(list(columns), dim=1) for columns in parts)
        value = {"cka_debiased": cka(pack([first, second]))[0, 1]}
        sides = [cca.spread(np.asarray(features.cpu())) for features in (first, second)]
        for name, measure in cca.MEASURES.items():
            options = {"directions": directions} if name == "svcca" else {}
            value[name] = measure(*sides, **options)
        ranks = [len(side.s) for side in sides]
        for name, found in value.items():
            rows.append((a.name, b.name, a.layers[place], place, name, found, *ranks, len(stimuli)))
    columns = ["model_a", "model_b", "layer", "place", "measure", "value", "rank_a", "rank_b", "n"]
    tables.write(snakemake.output[0], pd.DataFrame(rows, columns=columns))
