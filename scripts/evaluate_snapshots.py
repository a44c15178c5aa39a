"""Measure a model's accuracy over its training, on training and evaluation images, clean and attacked."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
from kindred.activations.extraction import predict
from kindred.attacks.batchwise import perturb_all
from kindred.images import images
from kindred.models import folding, storage
from kindred.tables import tables
from kindred.workflow.device import choose
from kindred.workflow.job import job, progress

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    device = choose(snakemake.config["device"])
    sets = {"natural": images.load(snakemake.input.natural), "training": images.load(snakemake.input.training)}
    folder = Path(snakemake.input.snapshots)
    files = {int(path.stem): (str(path), str(path.with_suffix(".json"))) for path in folder.glob("*.safetensors")}
    files[snakemake.params.epochs] = tuple(snakemake.input.model)
    rows = []
    for epochs, paths in progress(sorted(files.items()), f"epochs of {name}"):
        classifier = storage.load(name, *paths).classifier.to(device)
        for which, stimuli in sets.items():
            first = stimuli.take(np.arange(min(settings["images"], len(stimuli))))
            inputs = {"": first.pixels}
            if settings["attack"]:
                attack = importlib.import_module(snakemake.params.module).attack(settings["attack"])
                inputs[snakemake.params.attack], _ = perturb_all(
                    folding.folded(classifier, settings["attack"].get("precision", "float32")),
                    first.pixels,
                    first.labels,
                    attack,
                    seed=settings["attack"]["seed"],
                    device=device,
                    memory=snakemake.config["memory"] * 2**30,
                    name=name,
                )
            for attacked, pixels in inputs.items():
                correct = predict(classifier, pixels, name=name, device=device).argmax(1) == first.labels
                rows.append((name, epochs, which, attacked, correct.sum(), len(first)))
    about = ["model", "epoch", "images", "attack"]
    table = tables.with_shares(pd.DataFrame(rows, columns=[*about, "right", "n"]), "right", "accuracy")
    tables.write(snakemake.output[0], table[[*about, "accuracy", "low", "high", "n"]])
