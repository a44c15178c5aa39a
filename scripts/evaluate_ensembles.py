"""Average the outputs of sets of models: the gain of each set over its members, and ways to choose a set."""

import numpy as np
import pandas as pd
from kindred.analyses import ensembles, scores
from kindred.analyses.mantel import pearson
from kindred.tables import tables
from kindred.workflow import store
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    settings, names = snakemake.params.settings, snakemake.params.models
    found = scores.read(snakemake.input.sat, snakemake.params.attack).of(names)
    store.demand_same_images(*snakemake.input.activations)
    labels = np.asarray(store.array(snakemake.input.activations[0], "label")[:])
    logits = np.stack([store.array(path, "logits")[:] for path in snakemake.input.activations])
    rng = np.random.default_rng(settings["seed"])
    alone = ensembles.correct(logits, labels, np.arange(len(names))[:, None])
    accuracy, first = alone.mean(axis=1), ensembles.halves(labels)

    rows, picked, summary = [], [], []
    for size in progress([size for size in settings["sizes"] if size <= len(names)], "sizes"):
        sets = ensembles.choose_sets(len(names), size, settings["sets"], rng)
        correct = ensembles.correct(logits, labels, sets, settings["average"])
        ensemble, members = correct.mean(axis=1), accuracy[sets].mean(axis=1)
        mean_sat, gain = ensembles.mean_sat(found.sat, sets), ensemble - members
        table = {"size": size, "models": ensembles.joined_names(sets, names), "mean_sat": mean_sat}
        rows.append(pd.DataFrame({**table, "members": members, "accuracy": ensemble, "gain": gain}))
        known = np.isfinite(mean_sat)
        sets, correct, mean_sat, gain = sets[known], correct[known], mean_sat[known], gain[known]
        low, high = ensembles.interval(mean_sat, gain, sets, len(names), settings["draws"], settings["seed"])
        summary.append((size, len(sets), pearson(mean_sat, gain), low, high, gain.mean()))
        # Chosen on one half of the images and measured on the other, as the best of many is biased upwards.
        chosen_on = correct[:, first].mean(axis=1)
        members_on = alone[:, first].mean(axis=1)[sets].mean(axis=1)
        for way, index in ensembles.picks(chosen_on, members_on, mean_sat):
            measured, single = correct[index, ~first].mean(), alone[sets[index]][:, ~first].mean(axis=1)
            models = ensembles.joined_names([sets[index]], names)[0]
            row = (measured, single.mean(), measured - single.mean(), single.max())
            picked.append((size, way, models, mean_sat[index], *row))
    tables.write(snakemake.output.ensembles, pd.concat(rows, ignore_index=True))
    columns = ["size", "sets", "correlation", "low", "high", "mean_gain"]
    tables.write(snakemake.output.gains, pd.DataFrame(summary, columns=columns))
    columns = ["size", "chosen", "models", "mean_sat", "accuracy", "members", "gain", "best_member"]
    tables.write(snakemake.output.choice, pd.DataFrame(picked, columns=columns))
    log.info("%d sets of %d models", sum(map(len, rows)), len(names))
