"""Compare corresponding layers of two models by CCA, SVCCA, PWCCA, Procrustes and CKA, a layer at a time."""

import numpy as np
import pandas as pd
import torch
from kindred import alignments, checkpoints, device, images, layerchoice, streams, tables
from kindred.cka import cka
from kindred.errors import BadInput
from kindred.gram import pack
from kindred.job import job, progress

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    settings, directions = snakemake.params.settings, snakemake.params.directions
    memory = int(snakemake.config["cianfarani"]["memory"] * 2**30)
    shown = images.load(snakemake.input.images, settings["images"])
    example = torch.from_numpy(shown.pixels[:1]).to(place)
    observed = []
    for model in checkpoints.each(snakemake.input.models):
        classifier = model.classifier.to(place)
        layers = layerchoice.select(classifier, settings["layers"], settings["fraction"], example)
        safe = settings["layers"] != layerchoice.PAPER
        one = streams.Observation(model.name, classifier, shown.pixels, layers, settings["pooled"], safe)
        observed.append(one)
    a, b = observed
    if a.layers != b.layers:
        raise BadInput(f"'{a.name}' and '{b.name}' have other layers; only the same ones correspond.")

    rows = []
    both = zip(*(streams.features(one, place, memory) for one in observed), strict=True)
    for place_of, parts in enumerate(progress(both, "aligning layers", total=len(a.layers))):
        first, second = (torch.cat(list(some), dim=1) for some in parts)
        value = {"cka_debiased": cka(pack([first, second]))[0, 1]}
        said = [alignments.spread(np.asarray(features.cpu())) for features in (first, second)]
        for name, measure in alignments.MEASURES.items():
            more = {"directions": directions} if name == "svcca" else {}
            value[name] = measure(*said, **more)
        ranks = [len(side.s) for side in said]
        for name, found in value.items():
            rows.append((a.name, b.name, a.layers[place_of], place_of, name, found, *ranks, len(shown)))
    columns = ["model_a", "model_b", "layer", "place", "measure", "value", "rank_a", "rank_b", "n"]
    tables.write(snakemake.output[0], pd.DataFrame(rows, columns=columns))
