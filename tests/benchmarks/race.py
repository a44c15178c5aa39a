"""Contenders side by side: each in a process of its own, taking turns on the same inputs.

A process of its own for each gives every one its own peak of memory and keeps what one does to torch from the others.
Rounds alternate and medians count; ratios are taken round by round, so that a machine that slows down slows both.
Time is CPU time, on a GPU wall time until the card is done.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "kernel contender cpu_s low high ratio peak_mb floor_s share quality value note".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Contender:
    """One way to do a kernel's work.

    prepare: called once in its process, gives the function that is timed. needs: the module and the package it cannot
    do without. part: the share of the work that is run; time is scaled up to all. judge: of the function's
    result, {what: number} about its quality. floor: this is no way to do the work but what it costs at least.
    once: so slow that its first turn is the only one. other: the work is another, so neither ratio nor floor mean much.
    """

    name: str
    prepare: Callable[[], Callable[[], Any]]
    needs: tuple[str, str] | None = None
    part: float = 1.0
    judge: Callable[[Any], Mapping[str, float]] | None = None
    floor: bool = False
    once: bool = False
    other: bool = False
    note: str = ""


@dataclass(frozen=True)
class Kernel:
    """Work that several contenders do. `ours` is what ratios refer to: time of the others / time of ours.

    floor: seconds that the work takes at least, where that is known rather than a contender. rounds: how many times
    each is timed, after once to warm up. clock: CPU seconds of the process, seconds, or CPU seconds of what it starts.
    """

    name: str
    ours: str
    contenders: Sequence[Contender]
    floor: Callable[[], float] | None = None
    rounds: int = 3
    clock: Literal["cpu", "wall", "children"] = "cpu"


@dataclass
class Row:
    """What came of a contender: seconds of every round (empty if it could not run) and all else of the table."""

    kernel: str
    contender: str
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = float("nan")
    quality: dict[str, float] = field(default_factory=dict)
    ratio: float = float("nan")
    floor_s: float = float("nan")
    note: str = ""
    plain: str = ""  # the contender without its version

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else float("nan")

    def cells(self) -> dict[str, Any]:
        first = next(iter(self.quality.items()), ("", ""))
        rest = "; ".join(f"{name} {value:.4g}" for name, value in list(self.quality.items())[1:])
        return {
            "kernel": self.kernel,
            "contender": self.contender,
            "cpu_s": self.median,
            "low": min(self.seconds, default=float("nan")),
            "high": max(self.seconds, default=float("nan")),
            "ratio": self.ratio,
            "peak_mb": self.peak_mb,
            "floor_s": self.floor_s,
            "share": self.floor_s / self.median if self.seconds else float("nan"),
            "quality": first[0],
            "value": first[1],
            "note": "; ".join(filter(None, (rest, self.note))),
        }


class Goals:
    """Numbers to reach, of kernels that were run; what was not run or not installed asks for nothing."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.found: list[tuple[str, str, float, bool]] = []

    def of(self, kernel: str) -> KernelGoals:
        return KernelGoals(self, {row.plain: row for row in self.rows if row.kernel == kernel and row.seconds})

    def demand(self, what: str, value: float, *, least: float | None = None, most: float | None = None) -> None:
        if least is not None:
            self.found.append((what, f">= {least:g}", value, value >= least))
        if most is not None:
            self.found.append((what, f"<= {most:g}", value, value <= most))


class KernelGoals:
    """The same of one kernel: each names two contenders, and how one compares with the other."""

    def __init__(self, goals: Goals, rows: Mapping[str, Row]) -> None:
        self.goals = goals
        self.rows = rows

    def time(self, what: str, above: str, below: str, **limits: float) -> None:
        """Time of one by time of the other, round by round."""
        if above in self.rows and below in self.rows:
            self.goals.demand(what, ratio(self.rows[above], self.rows[below]), **limits)

    def peak(self, what: str, above: str, below: str, **limits: float) -> None:
        if above in self.rows and below in self.rows:
            self.goals.demand(what, self.rows[above].peak_mb / self.rows[below].peak_mb, **limits)

    def quality(self, what: str, contender: str, quality: str, **limits: float) -> None:
        if contender in self.rows:
            self.goals.demand(what, self.rows[contender].quality[quality], **limits)

    def share(self, what: str, contender: str, **limits: float) -> None:
        if contender in self.rows:
            self.goals.demand(what, self.rows[contender].floor_s / self.rows[contender].median, **limits)

    def loss(self, what: str, quality: str, **limits: float) -> None:
        """How much less of it mixed precision has than float32."""
        if {"kindred float32", "kindred bfloat16"} <= self.rows.keys():
            single, mixed = (self.rows[f"kindred {name}"].quality[quality] for name in ("float32", "bfloat16"))
            self.goals.demand(what, single - mixed, **limits)

    def gain(self, what: str, quality: str, **limits: float) -> None:
        """How much more of it mixed precision has than float32, as a share of that."""
        if {"kindred float32", "kindred bfloat16"} <= self.rows.keys():
            single, mixed = (self.rows[f"kindred {name}"].quality[quality] for name in ("float32", "bfloat16"))
            self.goals.demand(what, mixed / single - 1, **limits)


def ratio(above: Row, below: Row) -> float:
    """Median of the rounds' ratios; of medians where one was not in every round."""
    if len(above.seconds) != len(below.seconds):
        return above.median / below.median
    return statistics.median(one / other for one, other in zip(above.seconds, below.seconds, strict=True))


def run(module: str, kernel: Kernel, rounds: int | None = None) -> list[Row]:
    """Let all contenders of a kernel take turns."""
    rows = [Row(kernel.name, one.name, note=one.note, plain=one.name) for one in kernel.contenders]
    running: dict[str, Worker] = {}
    try:
        for one, row in zip(kernel.contenders, rows, strict=True):
            if one.needs and importlib.util.find_spec(one.needs[0]) is None:
                row.note = "not installed"
                continue
            worker = Worker(module, kernel.name, one.name)
            if failed := worker.ask("ready").get("failed"):
                row.note = f"does not run here: {failed}"
            else:
                running[one.name] = worker
            if one.needs:
                row.contender += f" {_version(one.needs[1])}"
        for turn in range((rounds or kernel.rounds) + 1):
            for one, row in zip(kernel.contenders, rows, strict=True):
                if one.name not in running or (turn and one.once):
                    continue
                # The first turn warms up, and is the one whose memory and result are looked at.
                said = running[one.name].ask("judge" if turn == 0 else "go")
                if failed := said.get("failed"):
                    row.note = f"does not run here: {failed}"
                    running.pop(one.name).end()
                    row.seconds.clear()
                    continue
                row.peak_mb = said["peak_mb"] if turn == 0 else row.peak_mb
                row.quality |= said["quality"]
                if turn or one.once:
                    row.seconds.append(said["seconds"] / one.part)
    finally:
        for worker in running.values():
            worker.end()
    _relate(kernel, rows)
    return rows


def _relate(kernel: Kernel, rows: list[Row]) -> None:
    by_name = dict(zip((one.name for one in kernel.contenders), rows, strict=True))
    ours = by_name[kernel.ours]
    floors = [by_name[one.name] for one in kernel.contenders if one.floor]
    floor = kernel.floor() if kernel.floor else floors[0].median if floors else float("nan")
    for one, row in zip(kernel.contenders, rows, strict=True):
        if one.other:
            continue
        row.floor_s = floor
        if row.seconds and ours.seconds:
            row.ratio = ratio(row, ours)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


class Worker:
    """A process with one contender in it."""

    def __init__(self, module: str, kernel: str, contender: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--serve", module, kernel, contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("KINDRED_BENCH_NOISE") else None,
            text=True,
            env=os.environ | {"TQDM_DISABLE": "1"},
        )

    def ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(what + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"failed": "its process ended"}

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve(module: str, kernel: str, contender: str) -> None:
    """In a worker: prepare, then run and report whenever asked."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what peers print goes elsewhere
    kernels = importlib.import_module(module).kernels()
    chosen = next(one for one in kernels if one.name == kernel)
    one = next(one for one in chosen.contenders if one.name == contender)
    work: Callable[[], Any] | None = None
    for line in sys.stdin:
        said: dict[str, Any] = {}
        try:
            if work is None:
                work = one.prepare()
            if line.strip() != "ready":
                result, said["seconds"], said["peak_mb"] = measured(work, chosen.clock)
                judged = one.judge(result) if one.judge and line.strip() == "judge" else {}
                said["quality"] = {name: float(value) for name, value in judged.items()}
                del result
        except Exception as error:
            said = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
        out.write(json.dumps(said) + "\n")
        out.flush()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter, "children": _children}


def measured(work: Callable[[], Any], clock: str = "cpu") -> tuple[Any, float, float]:
    """Result, seconds and peak memory beyond what was there before, in MB (NaN where /proc is missing)."""
    import torch

    gc.collect()
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    now = CLOCKS["wall" if cuda else clock]
    before = _begin_peak(cuda)
    start = now()
    result = work()
    if cuda:
        torch.cuda.synchronize()
    seconds = now() - start
    peak = float("nan") if clock == "children" else _peak(cuda) - before
    return result, seconds, peak


def _begin_peak(cuda: bool) -> float:
    if cuda:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts the high-water mark afresh
        return _resident("VmRSS")
    except OSError:
        return float("nan")


def _peak(cuda: bool) -> float:
    if cuda:
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    try:
        return _resident("VmHWM")
    except OSError:
        return float("nan")


def _resident(field_name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field_name)) / 1024
