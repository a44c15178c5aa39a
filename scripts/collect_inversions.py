"""Collect the residuals of all inversions, and their course over the steps, in two tables."""

import pandas as pd
from kindred.inversion import residuals
from kindred.tables import tables
from kindred.workflow import store
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    paths = iter(snakemake.input)
    rows, curves = [], []
    for inversion, limits in snakemake.params.limits.items():
        for model in snakemake.params.models:
            path = next(paths)
            pairings = int(store.array(path, "pairing")[:].max()) + 1
            residual = store.array(path, "residual")[:]
            rows.append(residuals.summary(inversion, model, residual, pairings=pairings, **limits))
            curve, steps = store.array(path, "curve")[:], store.array(path, "step")[:]
            known = {"converged": limits["converged"], "pairings": pairings}
            curves.append(residuals.course(inversion, model, curve, steps, **known))
    tables.write(snakemake.output.inversions, pd.DataFrame(rows))
    tables.write(snakemake.output.curves, pd.concat(curves, ignore_index=True))
