"""Set clusters of models against what is known of them, and vary all that clusters depend on."""

from functools import partial

import numpy as np
import pandas as pd
from kindred.analyses import clusters, components, scores, sensitivity
from kindred.similarity import transfer
from kindred.tables import tables
from kindred.tables import transfer as transfer_tables
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    settings, attack = snakemake.params.settings, snakemake.params.attack
    groups = pd.read_csv(snakemake.input.clusters, dtype={"model": str}, keep_default_na=False)
    names, count = list(groups["model"]), int(groups["cluster"].max())
    attacks, tiles = snakemake.params.attacks, list(snakemake.input.tiles)
    sat = {each: scores.read(snakemake.input.sat, each or None).of(names).sat for each in attacks or [attack or ""]}
    draws = {each: np.empty((0, len(names), len(names))) for each in sat}
    each = len(tiles) // max(1, len(attacks))
    for index, name in enumerate(progress(attacks, "attacks")):
        outcomes = transfer_tables.predictions(tiles[index * each : (index + 1) * each], names)
        draws[name] = transfer.resampled_sat(*outcomes, settings["draws"], settings["seed"], snakemake.params.floor)

    known = {"average linkage": list(map(str, groups["hierarchical"]))}
    for path in (snakemake.input.get("components"), snakemake.input.get("models")):
        if path:
            about = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("model").loc[names]
            # Measurements are not labels.
            measured = [name for name in about if name == "parameters" or "accuracy" in name]
            known |= components.label_columns(about.drop(columns=measured))
    chosen = sensitivity.spectral(settings["affinity"], settings["diagonal"], count, 1, sensitivity.STARTS)
    ways = {
        "spectral": ("cluster", chosen),
        "average linkage": ("hierarchical", partial(clusters.hierarchical, count=count)),
    }
    partitions = {
        name: (groups[column].to_numpy(), sensitivity.of_draws(partition, draws[attack or ""]))
        for name, (column, partition) in ways.items()
    }
    tables.write(snakemake.output.labels, sensitivity.label_table(partitions, known, settings["seed"]))
    against = {name: values for name, values in known.items() if name == "architecture"}
    against["default partition"] = list(map(str, groups["cluster"]))
    varied = sensitivity.sensitivity(sat, draws, against, settings["seeds"], settings["starts"], settings["seed"])
    tables.write(snakemake.output.sensitivity, varied)
    log.info("%d labels of %d models; %d partitions", len(known), len(names), len(varied) // len(against))
