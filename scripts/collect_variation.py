"""Classify pairs of models by what they differ in, with the SAT of each, and average the kinds over models."""

from itertools import combinations

import pandas as pd
from kindred.analyses import variation
from kindred.tables import tables
from kindred.workflow.job import job, log

EXCESS = ["null", "ceiling", "excess", "excess_low", "excess_high", "share", "share_low", "share_high"]
COLUMNS = ["model_a", "model_b", "differs", "sat", "low", "high", "n", *EXCESS]

with job(snakemake.log[0], snakemake.threads):
    entries = snakemake.params.entries
    sat = pd.read_csv(snakemake.input.sat, keep_default_na=False, na_values=[""])
    sat = sat[(sat["attack"] == snakemake.params.attack) & (sat["model_a"] != sat["model_b"])]
    kinds = {
        frozenset(pair): variation.difference(*(entries[name] for name in pair)) for pair in combinations(entries, 2)
    }
    differs = [kinds[frozenset(pair)] for pair in zip(sat["model_a"], sat["model_b"], strict=True)]
    table = sat.assign(differs=differs)[COLUMNS]
    tables.write(snakemake.output.variation, table)
    tables.write(snakemake.output.variation_means, variation.group_means(table))
    log.info("%s", table["differs"].value_counts().to_dict())
