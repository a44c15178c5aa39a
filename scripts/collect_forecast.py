"""Add up what a study will cost, stage by stage."""

import csv
import json
from pathlib import Path

from kindred import forecast
from kindred.job import job, log

with job(snakemake.log[0], snakemake.threads):
    measured = {Path(path).stem: json.loads(Path(path).read_text()) for path in snakemake.input}
    costs = {model: measured[alike] for model, alike in snakemake.params.measured_as.items()}
    one = next(iter(measured.values()))
    sizes = forecast.Sizes(**one["sizes"])
    table = forecast.rows(forecast.stages(snakemake.params.config, sizes, costs), costs)
    with Path(snakemake.output[0]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*forecast.COLUMNS, "device"])
        writer.writeheader()
        writer.writerows({**row, "device": one["device"]} for row in table)
    log.info("%d jobs, %.3g hours", table[-1]["jobs"], table[-1]["hours"])
