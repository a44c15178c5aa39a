"""Read every store, every file of weights and every description among the results, and list what is damaged."""

from pathlib import Path

from kindred.workflow import verification
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    results = Path(snakemake.params.results)
    everything = [*verification.stores(results), *verification.models(results)]
    damaged = []
    for path in progress(everything, "results read"):
        for fault in verification.faults(path):
            log.warning("%s", fault)
            damaged.append(path)
    if damaged:
        again = verification.again(list(dict.fromkeys(damaged)))
        raise BadInput(f"{len(set(damaged))} of {len(everything)} results are damaged; to make them again: {again}")
    log.warning("%d stores and files of weights are as they were written", len(everything))
