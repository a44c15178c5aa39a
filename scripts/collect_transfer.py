"""Collect directed transfer rates, and SAT with its null, its ceiling and intervals, in two tables."""

import pandas as pd
from kindred.similarity import excess, transfer
from kindred.tables import tables
from kindred.tables import transfer as transfer_tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    models, attacks = snakemake.params.models, snakemake.params.attacks
    tiles = list(snakemake.input)
    each = len(tiles) // max(1, len(attacks))
    directed, mutual = [], []
    for index, attack in enumerate(attacks):
        of_attack, floor = tiles[index * each : (index + 1) * each], snakemake.params.floor
        outcomes = transfer_tables.predictions(of_attack, models)
        moved = transfer_tables.shuffled(of_attack, models, snakemake.params.shuffles[attack])
        counts, beyond = transfer.transfer_counts(*outcomes), excess.excess_of_pairs(*outcomes, *moved, floor)
        without = transfer_tables.no_gradient(of_attack, models)
        directed.append(transfer_tables.transfer_table(attack, models, counts, beyond, without))
        scores = transfer.sat_from_counts(counts, floor)
        mutual.append(transfer_tables.sat_table(attack, models, scores, beyond))
    tables.write(snakemake.output.transfer, pd.concat(directed, ignore_index=True))
    tables.write(snakemake.output.sat, pd.concat(mutual, ignore_index=True))
