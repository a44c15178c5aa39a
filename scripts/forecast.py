"""Print what the study and the papers' targets will cost: the jobs of Snakemake's own DAG times measured rates."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from kindred.forecast import costs
from kindred.tables.tables import write
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job

NOTE = """Measured on a few images of the study's networks. Hours are those of one {device}; pending_hours is what has
not run yet.{papers} A job needs about `memory` of the config, its network and images,
and 1 GB for Python and torch."""

with job(snakemake.log[0], snakemake.threads):
    measured = {Path(path).stem: json.loads(Path(path).read_text()) for path in snakemake.input}
    if not measured:
        raise BadInput("the study has no models of its own, so there is nothing to measure.")
    one, start = next(iter(measured.values())), max(rates["start"] for rates in measured.values())
    rates = {model: measured[same] for model, same in snakemake.params.measured_as.items()}
    study = costs.Study(snakemake.config, rates, one["pixels"])

    rows, seen = [], set()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(json.loads(json.dumps(snakemake.config)), file, sort_keys=False)
        file.flush()
        # The config file takes all that follows it, so the target stands before.
        command = [sys.executable, "-m", "snakemake", "--nolock", "--dry-run", "--snakefile"]

        def plan(target: str, *options: str) -> list[costs.Job]:
            asked = [*command, snakemake.params.snakefile, *options, target, "--configfile", file.name]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BadInput(f"Snakemake cannot plan {target}: {done.stderr.strip().splitlines()[-1]}")
            return costs.jobs(done.stdout)

        for target in snakemake.params.targets:
            pending = set(plan(target))
            for each in plan(target, "--forceall"):
                seconds = study.seconds(each)
                stage = each.rule if seconds else "tables and figures"
                if each not in seen:
                    hours = (seconds + start) / 3600
                    left = hours * (each in pending)
                    rows.append((target, stage, 1, hours, left, hours * 60, study.disk(each) / 1e9))
                seen.add(each)

    columns = ["target", "stage", "jobs", "hours", "pending_hours", "longest_job_minutes", "disk_gb"]
    how = dict.fromkeys(columns[2:], "sum") | {"longest_job_minutes": "max"}
    every = pd.DataFrame(rows, columns=columns)
    parts = [
        *(part.groupby(columns[:2], sort=False).agg(how) for _, part in every.groupby("target", sort=False)),
        every.assign(target="all of these", stage="").groupby(columns[:2]).agg(how),
    ]
    table = pd.concat(parts).reset_index()
    write(snakemake.params.table, table)
    device = "GPU" if one["device"] in ("cuda", "mps") else "CPU"
    papers = " and ".join(target for target in snakemake.params.targets[1:] if target in set(every["target"]))
    papers = f" {papers}: what these add to the study." if papers else ""
    text = table.to_string(index=False, float_format="{:,.3g}".format)
    print(f"\n{text}\n\n{NOTE.format(device=device, papers=papers)}")
