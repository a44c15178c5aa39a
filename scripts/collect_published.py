"""Collect the study's values and those of Jones et al. 2022 for every cell that both have."""

import pandas as pd
from kindred.analyses import published
from kindred.figures.layout.reading import read
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    options = snakemake.params.options
    found = {name: read(path) for name, path in snakemake.input.items() if name != "references"}
    references = dict(zip(snakemake.params.names, snakemake.input.references, strict=True))
    pairs = published.matched(
        {name: pd.read_csv(path) for name, path in references.items()},
        found["models"],
        options["architectures"],
        cka=found["cka"],
        measure=options["measure"],
        inversion=options["inversion"],
        gradients=found.get("gradients"),
        loss=options["loss"],
        stitching=found.get("stitching"),
    )
    table = published.side_by_side(pairs)
    tables.write(snakemake.output.cells, table)
    tables.write(snakemake.output.summary, published.summary(pairs))
    log.info("%d cells in common with Jones et al. 2022", len(table))
