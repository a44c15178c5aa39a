"""Average the answers of sets of models: what each set gains over its members, and which set to take."""

import numpy as np
import pandas as pd
from kindred import ensembles, scores, store, tables
from kindred.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    settings, names = snakemake.params.settings, snakemake.params.models
    found = scores.read(snakemake.input.sat, snakemake.params.attack).of(names)
    store.demand_same_images(*snakemake.input.activations)
    labels = np.asarray(store.array(snakemake.input.activations[0], "label")[:])
    logits = np.stack([store.array(path, "logits")[:] for path in snakemake.input.activations])
    rng = np.random.default_rng(settings["seed"])
    alone = ensembles.right(logits, labels, np.arange(len(names))[:, None])
    accuracy, first = alone.mean(axis=1), ensembles.halves(labels)

    rows, picked, summary = [], [], []
    for size in progress([size for size in settings["sizes"] if size <= len(names)], "sizes"):
        sets = ensembles.choose_sets(len(names), size, settings["sets"], rng)
        right = ensembles.right(logits, labels, sets, settings["average"])
        together, members = right.mean(axis=1), accuracy[sets].mean(axis=1)
        alike, gain = ensembles.mean_sat(found.sat, sets), together - members
        rows.append(
            pd.DataFrame(
                {
                    "size": size,
                    "models": ensembles.named(sets, names),
                    "mean_sat": alike,
                    "members": members,
                    "accuracy": together,
                    "gain": gain,
                }
            )
        )
        known = np.isfinite(alike)
        sets, right, alike, gain = sets[known], right[known], alike[known], gain[known]
        low, high = ensembles.interval(alike, gain, sets, len(names), settings["draws"], settings["seed"])
        summary.append((size, len(sets), ensembles.correlation(alike, gain), low, high, gain.mean()))
        # Chosen on one half of the images and measured on the other, as the best of many looks better than it is.
        chosen_on = right[:, first].mean(axis=1)
        members_on = alone[:, first].mean(axis=1)[sets].mean(axis=1)
        for way, index in ensembles.picks(chosen_on, members_on, alike):
            there, best = right[index, ~first].mean(), alone[sets[index]][:, ~first].mean(axis=1)
            models = ensembles.named([sets[index]], names)[0]
            picked.append(
                (size, way, models, alike[index], there, best.mean(), there - best.mean(), best.max())
            )
    tables.write(snakemake.output.ensembles, pd.concat(rows, ignore_index=True))
    columns = ["size", "sets", "correlation", "low", "high", "mean_gain"]
    tables.write(snakemake.output.gains, pd.DataFrame(summary, columns=columns))
    columns = ["size", "chosen", "models", "mean_sat", "accuracy", "members", "gain", "best_member"]
    tables.write(snakemake.output.choice, pd.DataFrame(picked, columns=columns))
    log.info("%d sets of %d models", sum(map(len, rows)), len(names))
