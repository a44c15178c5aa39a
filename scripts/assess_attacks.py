"""Try an attack on each model of a group at three radii and with one step, and say where not to believe it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from kindred import attacks, batches, checkpoints, device, images, quality, tables
from kindred.job import job, progress
from kindred.observe import predict

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    place = device.choose(snakemake.config["device"])
    natural = images.load(snakemake.input.natural, snakemake.params.images)
    example = torch.from_numpy(natural.pixels[:1]).to(place)
    attack = attacks.of(settings)
    most = 1.0 if attack.norm == "linf" else float("inf")
    step = None if attack.step_size is None else attack.step_size
    tried = {
        "many": attack,
        "single": replace(
            attack,
            steps=1,
            step_size=attack.eps,
            random_start=False,
            restarts=1,
            method="pgd",
            momentum=0.0,
            diversity=0.0,
        ),
    }
    for name, factor in (("half", 0.5), ("double", 2.0)):
        scaled = None if step is None else factor * step
        tried[name] = replace(attack, eps=min(most, factor * attack.eps), step_size=scaled)
    rows = []
    models = checkpoints.each(snakemake.input.models)
    for model in progress(models, "attacks", total=len(snakemake.input.models) // 2):
        classifier = model.classifier.to(place)
        right = predict(classifier, natural.pixels, name=model.name, device=place).argmax(1) == natural.labels
        fooled = {}
        for name, variant in tried.items():
            generator = torch.Generator().manual_seed(settings["seed"])
            said = []
            batch = batches.fitting(classifier, example, snakemake.config["memory"] * 2**30, gradients=True)
            for start in range(0, len(natural), batch):
                shown = torch.from_numpy(natural.pixels[start : start + batch]).to(place)
                labels = torch.from_numpy(natural.labels[start : start + batch]).to(place)
                with torch.no_grad():
                    changed = attacks.perturb(classifier, shown, labels, variant, generator)
                    said.append((classifier(changed).argmax(1) != labels).cpu().numpy())
            fooled[name] = np.concatenate(said)[right]
        order = ("single", "half", "many", "double")
        rates = {name: fooled[name].mean() if right.any() else np.nan for name in order}
        said = (
            quality.warnings(*(fooled[name] for name in ("single", "many", "half", "double")))
            if right.any()
            else []
        )
        rows.append(
            {
                "model": model.name,
                "n": int(right.sum()),
                "clean": right.mean(),
                **rates,
                "warning": "; ".join(said),
            }
        )
    tables.write(snakemake.output[0], pd.DataFrame(rows))
