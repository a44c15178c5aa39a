"""Accuracy of a model over its training, on images it learned from and on others, as they are and attacked."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from kindred import attacks, batches, checkpoints, device, folding, images, tables
from kindred.job import job, progress
from kindred.observe import predict

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    place = device.choose(snakemake.config["device"])
    sets = {
        "natural": images.load(snakemake.input.natural),
        "training": images.load(snakemake.input.training),
    }
    folder = Path(snakemake.input.snapshots)
    files = {
        int(path.stem): (str(path), str(path.with_suffix(".json"))) for path in folder.glob("*.safetensors")
    }
    files[snakemake.params.epochs] = tuple(snakemake.input.model)
    rows = []
    for epochs, paths in progress(sorted(files.items()), f"epochs of {name}"):
        classifier = checkpoints.load(name, *paths).classifier.to(place)
        for which, shown in sets.items():
            some = shown.take(np.arange(min(settings["images"], len(shown))))
            seen = {"": some.pixels}
            if settings["attack"]:
                attack = attacks.of(settings["attack"])
                generator = torch.Generator().manual_seed(settings["attack"]["seed"])
                adversary = folding.folded(classifier, settings["attack"].get("precision", "float32"))
                example = torch.from_numpy(some.pixels[:1]).to(place)
                memory = snakemake.config["memory"] * 2**30
                parts, batch = [], batches.fitting(adversary, example, memory, gradients=True)
                for start in range(0, len(some), batch):
                    rows_of = slice(start, start + batch)
                    clean = torch.from_numpy(some.pixels[rows_of]).to(place)
                    labels = torch.from_numpy(some.labels[rows_of]).to(place)
                    parts.append(attacks.perturb(adversary, clean, labels, attack, generator).cpu().numpy())
                seen[snakemake.params.attack] = np.concatenate(parts)
            for attacked, pixels in seen.items():
                right = predict(classifier, pixels, name=name, device=place).argmax(1) == some.labels
                rows.append((name, epochs, which, attacked, right.mean(), len(some)))
    columns = ["model", "epoch", "images", "attack", "accuracy", "n"]
    tables.write(snakemake.output[0], pd.DataFrame(rows, columns=columns))
