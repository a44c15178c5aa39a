"""Classify pairs of models by what they differ in, with the SAT of each."""

from itertools import combinations

import pandas as pd
from kindred.analyses import variation
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    entries = snakemake.params.entries
    sat = pd.read_csv(snakemake.input.sat, keep_default_na=False, na_values=[""])
    sat = sat[(sat["attack"] == snakemake.params.attack) & (sat["model_a"] != sat["model_b"])]
    kinds = {
        frozenset(pair): variation.difference(*(entries[name] for name in pair)) for pair in combinations(entries, 2)
    }
    differs = [kinds[frozenset(pair)] for pair in zip(sat["model_a"], sat["model_b"], strict=True)]
    table = sat.assign(differs=differs)[["model_a", "model_b", "differs", "sat", "low", "high", "n"]]
    tables.write(snakemake.output[0], table)
    log.info("%s", table["differs"].value_counts().to_dict())
