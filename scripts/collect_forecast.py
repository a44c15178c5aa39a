"""Add up what a study and what the papers add to it will cost, stage by stage."""

import csv
import json
from pathlib import Path

from kindred import forecast, workload, workload_papers
from kindred.errors import BadInput
from kindred.job import job, log

with job(snakemake.log[0], snakemake.threads):
    if not snakemake.input:
        raise BadInput("the study has no models of its own, so there is nothing to measure.")
    config, layered = snakemake.params.config, snakemake.params.layered
    measured = {Path(path).stem: json.loads(Path(path).read_text()) for path in snakemake.input}
    costs = {model: measured[alike] for model, alike in snakemake.params.measured_as.items()}
    one = next(iter(measured.values()))
    sizes = workload.Sizes(**one["sizes"])
    looks = [workload_papers.Look(*look) for look in layered["looks"]]
    work = workload_papers.Layered(layered["models"], [tuple(pair) for pair in layered["attacked"]], looks)
    found = {
        "all": workload.stages(config, sizes, costs),
        "hwang2024": workload_papers.hwang(config, sizes, costs),
        "cianfarani2022": workload_papers.cianfarani(config, sizes, costs, work),
    }
    table = forecast.rows(found, costs)
    with Path(snakemake.output[0]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*forecast.COLUMNS, "device"])
        writer.writeheader()
        writer.writerows({**row, "device": one["device"]} for row in table)
    log.info("%d jobs, %.3g hours", table[-1]["jobs"], table[-1]["hours"])
