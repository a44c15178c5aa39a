"""Collect the gains of students from teachers in a table, with the SAT of both, and how the two go together."""

import pandas as pd
from kindred.analyses import distillation, scores
from kindred.tables import tables
from kindred.workflow import store
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    index = {name: row for row, name in enumerate(found.models)}
    alone = {}
    for path in snakemake.input.alone:
        for student, correct in zip(store.strings(path, "student"), tables.values(path, "correct"), strict=True):
            alone[student] = correct[0]
    rows = []
    for teacher, path in zip(snakemake.params.teachers, snakemake.input.taught, strict=True):
        methods, right = store.strings(path, "method"), store.attributes(path)["teacher_right"]
        for student, correct in zip(store.strings(path, "student"), tables.values(path, "correct"), strict=True):
            for method, taught in zip(methods, correct, strict=True):
                about = {"student": student, "teacher": teacher, "method": method}
                gained = distillation.row(alone[student], taught, method, right)
                rows.append({**about, **gained, "sat": found.sat[index[student], index[teacher]]})
    table = pd.DataFrame(rows)
    tables.write(snakemake.output.distillation, table)
    summary = distillation.summary(table, snakemake.params.draws, snakemake.params.seed)
    tables.write(snakemake.output.distillation_summary, summary)
