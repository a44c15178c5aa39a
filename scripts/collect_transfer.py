"""Collect directed transfer rates, and SAT with its intervals, in two tables."""

import pandas as pd
from kindred.similarity import transfer
from kindred.tables import tables
from kindred.tables import transfer as transfer_tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    models, attacks = snakemake.params.models, snakemake.params.attacks
    tiles = list(snakemake.input)
    each = len(tiles) // max(1, len(attacks))
    directed, mutual = [], []
    for index, attack in enumerate(attacks):
        outcomes = transfer_tables.predictions(tiles[index * each : (index + 1) * each], models)
        counts = transfer.transfer_counts(*outcomes)
        directed.append(transfer_tables.transfer_table(attack, models, counts))
        scores = transfer.sat_from_counts(counts, snakemake.params.floor)
        mutual.append(transfer_tables.sat_table(attack, models, scores))
    tables.write(snakemake.output.transfer, pd.concat(directed, ignore_index=True))
    tables.write(snakemake.output.sat, pd.concat(mutual, ignore_index=True))
