"""Every kernel against its floor and against other packages, in one table.

    python tests/benchmarks [--only NAME ...] [--rounds N] [--pairs N] [--csv FILE] [--device cpu|cuda]

One thread each. Other packages are run where they are installed (`pip install --no-deps -r tests/benchmarks/peers.txt`)
and listed as not installed where they are not.

Columns: CPU seconds (median, lowest, highest of the rounds; on a GPU, and for stores, seconds), ratio to ours of the
same kernel (median of the rounds' ratios: above 1 is slower than ours), peak memory beyond the inputs in MB, the floor
in seconds and the share of the time that it is, and what the result is worth. Below it the numbers to reach.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import math
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import race

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

MODULES = ("compare_cka", "descend", "stores", "startup")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="kernels whose name holds one of these")
    parser.add_argument("--rounds", type=int, help="rounds of every contender (default: as each kernel says)")
    parser.add_argument("--pairs", type=int, default=3, help="model pairs that other CKA packages run on (21: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--csv", type=Path, help="write the table there too")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        import torch

        torch.set_num_threads(1)
        race.serve(*given.serve)
        return
    # In memory where that goes: pages of a file may be dropped and read again while something is measured.
    memory = Path("/dev/shm")
    room = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    with tempfile.TemporaryDirectory(prefix="kindred-bench-", dir=memory if room else None) as scratch:
        os.environ |= {
            "KINDRED_BENCH_SCRATCH": scratch,
            "KINDRED_BENCH_DEVICE": given.device,
            "KINDRED_BENCH_PAIRS": str(given.pairs),
            "OMP_NUM_THREADS": "1",
        }
        import torch

        torch.set_num_threads(1)
        print(machine(given.device))
        rows: list[race.Row] = []
        modules = [importlib.import_module(name) for name in MODULES]
        for name, module in zip(MODULES, modules, strict=True):
            for kernel in module.kernels():
                if not given.only or any(part in kernel.name for part in given.only):
                    rows += race.run(name, kernel, given.rounds)
                    show([row for row in rows if row.kernel == kernel.name])
    goals = race.Goals(rows)
    for module in modules:
        module.targets(goals)
    reached = goals.found
    if reached:
        print(f"\n{'numbers to reach':62}{'wanted':>12}{'found':>10}")
    for what, wanted, value, holds in reached:
        print(f"{what:62}{wanted:>12}{value:>10.3g}  {'reached' if holds else 'NOT reached'}")
    if given.csv:
        write(given.csv, rows, reached)


def machine(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name} ({torch.backends.cpu.get_cpu_capability()}), torch {torch.__version__}, one thread"


def show(rows: list[race.Row]) -> None:
    print(f"\n{rows[0].kernel:34}{'CPU s':>9}{'low':>9}{'high':>9}{'ratio':>8}{'peak MB':>9}{'floor':>9}{'share':>7}  ")
    for row in rows:
        cells = row.cells()
        text = f"  {row.contender:32}"
        forms = {"cpu_s": (9, ".3g"), "low": (9, ".3g"), "high": (9, ".3g"), "ratio": (8, ".2f"), "peak_mb": (9, ".0f")}
        forms |= {"floor_s": (9, ".3g"), "share": (7, ".0%")}
        for name, (width, form) in forms.items():
            value = cells[name]
            text += f"{'-' if math.isnan(value) else format(value, form):>{width}}"
        quality = f"{cells['quality']} {cells['value']:.2g}" if cells["quality"] else ""
        print(f"{text}  {'; '.join(filter(None, (quality, cells['note'])))}", flush=True)


def write(path: Path, rows: list[race.Row], reached: list[tuple[str, str, float, bool]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, race.COLUMNS)
        table.writeheader()
        for row in rows:
            table.writerow(
                {
                    key: ("" if math.isnan(value) else f"{value:.5g}") if isinstance(value, float) else value
                    for key, value in row.cells().items()
                }
            )
        for what, wanted, value, holds in reached:
            note = f"wanted {wanted}: {'reached' if holds else 'not reached'}"
            table.writerow({"kernel": "target", "contender": what, "value": f"{value:.5g}", "note": note})


if __name__ == "__main__":
    main()
