"""Simulate how often intervals cover the truth, and write docs/coverage.md: `make coverage`."""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch
from intervals import GOAL, misses, verdicts
from sections import SECTIONS

TARGET = Path(__file__).parents[2] / "docs" / "coverage.md"
HEAD = f"""# Coverage

Written by `make coverage` (tests/coverage) from simulations of populations whose true values are known. An interval of
95 % should cover the true value in 95 % of samples; the goal: {100 * GOAL[0]:.0f} to {100 * GOAL[1]:.0f} %.
`bias`: mean estimate minus truth. `error`: binomial standard error of the coverage. `above`, `below`: shares of
intervals that lie wholly above or below the truth. `width`: mean width of intervals. `none`: share of samples without
an interval. Rows with `printed` no are intervals that Kindred does not print, shown for contrast. Where `replications`
is exact, all outcomes were counted with their probabilities and nothing was drawn. Seeds are fixed.
"""
SHARES = ("coverage", "error", "above", "below", "none")


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, shares in percent, with a mark on rows outside the goal."""
    table = table.assign(goal=verdicts(table))
    if "none" in table and not table["none"].any():
        table = table.drop(columns="none")
    rows = [
        [
            "" if pd.isna(value)
            else f"{100 * value:.1f} %" if name in SHARES
            else f"{value:+.4f}" if name == "bias"
            else f"{value:.3f}" if name == "width"
            else f"{value:.4g}" if isinstance(value, float)
            else str(value)
            for name, value in one.items()
        ]
        for _, one in table.iterrows()
    ]  # fmt: skip
    lines = [list(table.columns), ["---"] * len(table.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def timed(section: int, effort: float) -> pd.DataFrame:
    """The table of a section, by its place; says how long it took."""
    torch.set_num_threads(1)
    start = time.monotonic()
    table = SECTIONS[section].simulate(effort)
    print(f"{SECTIONS[section].title}: {time.monotonic() - start:.0f} s", flush=True)
    return table


def document(effort: float, jobs: int) -> str:
    """The whole document, from as many sections at a time as there are jobs."""
    with ProcessPoolExecutor(jobs) as pool:
        tables = list(pool.map(timed, range(len(SECTIONS)), [effort] * len(SECTIONS)))
    parts = [HEAD]
    for section, table in zip(SECTIONS, tables, strict=True):
        off = "".join(f"- {one}\n" for one in misses(table))
        verdict = "All are within the goal.\n"
        if off:
            verdict = f"Outside the goal:\n\n{off}"
        parts.append(f"## {section.title}\n\n{section.text}\n\n{markdown(table)}\n\n{verdict}")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/coverage", description=__doc__)
    parser.add_argument("--effort", type=float, default=1.0, help="share of the replications (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, help="sections at a time (default: 2)")
    parser.add_argument("--output", type=Path, default=TARGET)
    given = parser.parse_args()
    given.output.write_text(document(given.effort, given.jobs), encoding="utf-8")


if __name__ == "__main__":
    main()
