"""Put the residuals of all inversions into one table, and their course over the steps into another."""

import pandas as pd
from kindred import residuals, store, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    paths = iter(snakemake.input)
    rows, curves = [], []
    for inversion, limits in snakemake.params.limits.items():
        for model in snakemake.params.models:
            path = next(paths)
            rows.append(residuals.summary(inversion, model, store.array(path, "residual")[:], **limits))
            curve, steps = store.array(path, "curve")[:], store.array(path, "step")[:]
            curves.append(residuals.course(inversion, model, curve, steps, converged=limits["converged"]))
    tables.write(snakemake.output.inversions, pd.DataFrame(rows, columns=residuals.SUMMARY))
    tables.write(snakemake.output.curves, pd.concat(curves, ignore_index=True))
