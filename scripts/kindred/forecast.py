"""What a study will cost: jobs, hours, memory and disk of each stage, from its config and what a pass was seen to cost.

Passes are counted, not guessed (kindred.workload, kindred.workload_papers); seconds of a pass are measured
(kindred.costs). Light rules (tables, figures, analyses made from tables) are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kindred.workload import FLOAT, Costs, Stage

NOTE = """Measured here on a few images. Hours are those of one device, memory is that of the largest job: runtime
and mem_mb of the rules must allow for the longest and the largest. hwang2024 and cianfarani2022 show what they add to
the study; jones2022 is made from the study's own stages. Light rules (tables, figures and what is computed from tables
alone) are left out."""
COLUMNS = ("target", "stage", "jobs", "hours", "longest_job", "memory_mb", "gpu_memory_mb", "disk_gb")
TOTAL = "total"


def rows(found: Mapping[str, Sequence[Stage]], costs: Costs) -> list[dict[str, Any]]:
    """The forecast as a table: one row a stage of each target, its total, and at last that of all targets.

    found: {target: stages}. `start` of the costs is added to each job.
    """
    table: list[dict[str, Any]] = []
    for target, stages in found.items():
        if stages:
            own = [{"target": target, **_row(stage, costs)} for stage in stages]
            table += [*own, _total(target, own)]
    return [*table, _total(TOTAL, [row for row in table if row["stage"] != TOTAL])]


def _row(stage: Stage, costs: Costs) -> dict[str, Any]:
    start = max(each["start"] for each in costs.values())
    host, gpu = (max(each[key] for each in costs.values()) for key in ("host_mb", "gpu_mb"))
    weights = max(each["parameters"] for each in costs.values()) * FLOAT / 2**20
    seconds = [each + start for each in stage.seconds]
    more = (stage.models - 1) * weights + stage.memory / 2**20
    return {
        "stage": stage.name,
        "jobs": len(seconds),
        "hours": sum(seconds) / 3600,
        "longest_job": max(seconds) / 3600,
        "memory_mb": host + more,
        "gpu_memory_mb": gpu + more if gpu else 0.0,
        "disk_gb": stage.disk / 1e9,
    }


def _total(target: str, table: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = {key: sum(row[key] for row in table) for key in ("jobs", "hours", "disk_gb")}
    peaks = {
        key: max((row[key] for row in table), default=0)
        for key in ("longest_job", "memory_mb", "gpu_memory_mb")
    }
    return {"target": target, "stage": TOTAL, **whole, **peaks}


def written(table: Sequence[Mapping[str, Any]], device: str) -> str:
    """The table for people to read."""
    where = "GPU hours" if device in ("cuda", "mps") else "CPU hours"
    lines = [
        f"{'':16}{'stage':22}{'jobs':>7}{where:>12}{'longest job':>13}{'memory':>10}{'GPU':>10}{'disk':>11}"
    ]
    before = None
    for row in table:
        gpu = f"{row['gpu_memory_mb'] / 1e3:.1f} GB" if row["gpu_memory_mb"] else "-"
        target = "" if row["target"] in (before, TOTAL) else row["target"]
        stage = "all of these" if row["target"] == TOTAL else row["stage"]
        lines.append(
            f"{target:16}{stage:22}{row['jobs']:7,}{_hours(row['hours']):>12}{_length(row['longest_job']):>13}"
            f"{row['memory_mb'] / 1e3:7.1f} GB{gpu:>10}{_size(row['disk_gb']):>11}"
        )
        before = row["target"]
    return "\n".join(lines)


def number(column: str, value: str) -> Any:
    """A value as it comes back from the file."""
    if column in ("target", "stage", "device"):
        return value
    return int(value) if column == "jobs" else float(value)


def _hours(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 0.1 else f"{hours:.4f}"


def _size(gigabytes: float) -> str:
    return f"{gigabytes:,.1f} GB" if gigabytes >= 1 else f"{gigabytes * 1e3:,.1f} MB"


def _length(hours: float) -> str:
    return (
        f"{hours:.1f} h"
        if hours >= 1
        else f"{hours * 60:.0f} min"
        if hours * 60 >= 1
        else f"{hours * 3600:.0f} s"
    )
