"""Say what the study will cost."""

import csv
from pathlib import Path

from kindred import forecast
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    with Path(snakemake.input[0]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = [{key: forecast.number(key, value) for key, value in row.items()} for row in rows]
    print(f"\n{forecast.written(numbers, rows[0]['device'])}\n\n{forecast.NOTE}\n", flush=True)
