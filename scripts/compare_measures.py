"""Collect SAT under every attack and other similarity measures side by side, and test their agreement."""

import numpy as np
import pandas as pd
from kindred.analyses import mantel, scores
from kindred.figures.layout.reading import square
from kindred.similarity.significance import wilson
from kindred.tables import tables
from kindred.workflow import store
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    names, settings = snakemake.params.models, snakemake.params.settings
    found = {
        f"sat_{attack}": scores.read(snakemake.input.sat, attack).of(names).sat for attack in snakemake.params.attacks
    }
    store.demand_same_images(*snakemake.input.activations)
    predicted = np.stack([store.array(path, "logits")[:].argmax(1) for path in snakemake.input.activations])
    found["agreement"] = mantel.agreement(predicted)
    if snakemake.params.cka:
        cka = pd.read_csv(snakemake.input.cka, keep_default_na=False, na_values=[""])
        cka = cka[(cka["stimuli"] == "natural") & (cka["measure"] == snakemake.params.cka)]
        found["cka"] = square(cka, "model_a", "model_b", "value", names, "cka.csv", symmetric=True)
    if snakemake.input.get("gradients"):
        cosines = pd.read_csv(snakemake.input.gradients, keep_default_na=False, na_values=[""])
        cosines = cosines[cosines["loss"] == snakemake.params.loss]
        # The table has pairs of different models only; with itself a model has cosine 1.
        own = pd.DataFrame({"model_a": names, "model_b": names, "value": 1.0})
        rows = pd.concat([cosines, own], ignore_index=True)
        found["gradients"] = square(rows, "model_a", "model_b", "value", names, "gradients.csv", symmetric=True)

    first, second = np.triu_indices(len(names), 1)
    pairs = pd.DataFrame({"model_a": np.array(names)[first], "model_b": np.array(names)[second]})
    pairs = pairs.assign(**{name: values[first, second] for name, values in found.items()}, images=predicted.shape[1])
    alike = (pairs["agreement"] * pairs["images"]).round()
    pairs["agreement_low"], pairs["agreement_high"] = wilson(alike, pairs["images"])
    tables.write(snakemake.output.pairs, pairs)
    tests = mantel.compare_all(found, settings["permutations"], settings["draws"], settings["seed"])
    tables.write(snakemake.output.mantel, tests)
    log.info("%d measures of %d pairs", len(found), len(pairs))
