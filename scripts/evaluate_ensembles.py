"""Average the outputs of sets of models: the gain of each set over its members, and ways to choose a set."""

import numpy as np
import pandas as pd
from kindred.analyses import ensembles, scores
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
    first = ensembles.halves(labels)

    rows, picked, summaries = [], ([], []), []
    for size in progress([size for size in settings["sizes"] if size <= len(names)], "sizes"):
        sets = ensembles.choose_sets(len(names), size, settings["sets"], rng)
        correct = ensembles.correct(logits, labels, sets, settings["average"])
        table = ensembles.gains(correct, alone, sets, first)
        table.insert(0, "mean_sat", ensembles.mean_sat(found.sat, sets))
        table.insert(0, "models", ensembles.joined_names(sets, names))
        table.insert(0, "size", size)
        rows.append(table)
        known = np.isfinite(table["mean_sat"].to_numpy())
        summary = ensembles.summary(table[known], sets[known], len(names), settings["draws"], settings["seed"])
        summary.insert(0, "size", size)
        summaries.append(summary)
        for kept, half in zip(picked, (first, ~first), strict=True):
            sat = table["mean_sat"].to_numpy()[known]
            kept.extend(ensembles.choices(correct[known], alone, sets[known], sat, half) if known.any() else [])
    for kept in picked:
        kept.extend([ensembles.best_choice(kept)] if kept else [])
    outcomes = [ensembles.outcome(both, alone, first, names) for both in zip(*picked, strict=True)]
    tables.write(snakemake.output.ensembles, pd.concat(rows, ignore_index=True))
    tables.write(snakemake.output.gains, pd.concat(summaries, ignore_index=True))
    tables.write(snakemake.output.choice, pd.concat(outcomes, ignore_index=True))
    log.info("%d sets of %d models", sum(map(len, rows)), len(names))
