"""What the pipeline itself costs: CPU time of a Snakemake run against the same work in one process.

    python tests/benchmarks/overhead.py [--config config.yaml] [--csv FILE]

Both start from nothing, in folders of their own, one thread a job. The one process trains, attacks, inverts,
observes, compares and draws with the very functions that the scripts call, keeps everything in memory and writes
the figures alone; so the difference is scheduling, starting Python, importing, and stores. Imports are paid once by
the one process too.
"""

import argparse
import csv
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "rules", "scripts", "envs", "profiles")


def work(study: Path, folder: Path) -> None:
    """The whole study in this process."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import itertools
    from dataclasses import fields

    import numpy as np
    import pandas as pd
    import torch
    import yaml
    from kindred import (
        attacks,
        checkpoints,
        comparison,
        config,
        images,
        inversion,
        layers,
        models,
        training,
        transfer,
    )
    from kindred.figures import accuracy, budgets, cka, sat, style
    from kindred.figures import layers as layer_figure
    from kindred.observe import observe, penultimate, predict
    from kindred.penultimate import features as features_of

    torch.set_num_threads(1)
    torch.manual_seed(0)
    cpu = torch.device("cpu")
    settings = config.check(yaml.safe_load(study.read_text()))
    natural, shown = images.select(settings["images"])
    names = list(settings["models"])
    trained = {}
    rows = []
    for name in names:
        entry = config.model_entry(settings, name)
        torch.manual_seed(entry["seed"])
        description = checkpoints.describe(entry, settings["images"], classes=len(shown.classes))
        classifier = models.assemble(description)
        training.train(classifier, shown.pixels, shown.labels, entry["recipe"], entry["seed"], cpu)
        trained[name] = classifier.eval().requires_grad_(False)
        right = predict(classifier, natural.pixels, name=name, device=cpu).argmax(1) == natural.labels
        about = {key: entry["recipe"][key] for key in ("norm", "eps")}
        rows.append(
            {"model": name, "architecture": entry["architecture"], "training": entry["training"], **about}
        )
        rows[-1] |= {"seed": entry["seed"], "clean_accuracy": right.mean(), "parameters": 0}
    table = pd.DataFrame(rows)

    mutual, directed = [], []
    for attack, chosen in settings["attacks"].items():
        adversary = attacks.Attack(**{field.name: chosen[field.name] for field in fields(attacks.Attack)})
        changed = {}
        for name in names:
            generator = torch.Generator().manual_seed(chosen["seed"])
            parts = []
            for start in range(0, len(natural), 128):
                batch = torch.from_numpy(natural.pixels[start : start + 128])
                labels = torch.from_numpy(natural.labels[start : start + 128])
                parts.append(attacks.perturb(trained[name], batch, labels, adversary, generator).numpy())
            changed[name] = np.concatenate(parts)
        before = [predict(trained[name], natural.pixels, name=name, device=cpu).argmax(1) for name in names]
        after = [
            [predict(trained[target], changed[name], name=target, device=cpu).argmax(1) for target in names]
            for name in names
        ]
        outcomes = (np.array(before) == natural.labels, np.array(after), natural.labels)
        counts = transfer.transfer_counts(*outcomes)
        scores = transfer.sat_from_counts(counts.n, counts.fooled, counts.both)
        white = [np.array(after)[at, at] == natural.labels for at in range(len(names))]
        table[f"accuracy_{attack}"] = [float(right.mean()) for right in white]
        grid = list(itertools.product(range(len(names)), repeat=2))
        directed += [
            {
                "attack": attack,
                "source": names[a],
                "target": names[b],
                "n": counts.n[a, b],
                "rate": counts.rate[a, b],
            }
            | {"fooled": counts.fooled[a, b]}
            for a, b in grid
        ]
        mutual += [
            {
                "attack": attack,
                "model_a": names[a],
                "model_b": names[b],
                "sat": scores.sat[a, b],
                "n": scores.n[a, b],
            }
            | {"low": scores.low[a, b], "high": scores.high[a, b]}
            for a, b in grid
            if a <= b
        ]

    similarity = settings["similarity"]
    said: dict[tuple[str, str], torch.Tensor] = {}
    for name in names:
        choice = config.layer_choice(settings, name)
        chosen_layers = layers.resolve(trained[name], choice, torch.from_numpy(natural.pixels[:1]))
        parts = [
            values
            for _, values in observe(trained[name], natural.pixels, chosen_layers, name=name, device=cpu)
        ]
        for layer in chosen_layers:
            said[name, layer] = torch.from_numpy(np.concatenate([part[layer] for part in parts])).flatten(1)
    features = [said[name, "penultimate"] for name in names]
    pairs = list(itertools.combinations_with_replacement(range(len(names)), 2))
    found = comparison.compare(features, pairs, similarity)
    cells = _cells("natural", "", names, pairs, found, len(natural))
    cubes = comparison.layers(lambda: iter(said.values()), similarity["layer_measures"], similarity)
    layer_rows = [
        {"stimuli": "natural", "model_a": a, "layer_a": la, "model_b": b, "layer_b": lb, "n": len(natural)}
        | {"measure": measure, "value": cube[row, column]}
        for measure, cube in cubes.items()
        for (row, (a, la)), (column, (b, lb)) in itertools.product(enumerate(said), repeat=2)
        if names.index(a) <= names.index(b)
    ]
    for kind, chosen in settings["inversions"].items():
        targets = natural.take(np.arange(chosen["images"] or len(natural)))
        seeds = inversion.pair_seeds(targets.labels, chosen["seed"])
        descent = inversion.Inversion(chosen["steps"], chosen["step_size"], chosen["momentum"])
        for at, name in enumerate(names):
            grown = []
            for start in range(0, len(targets), chosen["chunk"]):
                rows_here = slice(start, start + chosen["chunk"])
                goal = torch.from_numpy(targets.pixels[rows_here])
                begin = torch.from_numpy(targets.pixels[seeds[rows_here]])
                every = max(1, descent.steps // 50)
                grown.append(
                    inversion.invert(features_of(trained[name]), goal, begin, descent, every).images.numpy()
                )
            stimuli = np.concatenate(grown)
            told = [penultimate(trained[other], stimuli, name=other, device=cpu) for other in names]
            across = [(at, other) for other in range(len(names))]
            cells += _cells(
                kind, name, names, across, comparison.compare(told, across, similarity), len(targets)
            )

    figures = settings["figures"]
    cka_table = pd.DataFrame(cells)
    look = {"dpi": figures["dpi"], "font_size": figures["font_size"]}
    kind = figures["similarity"]["inversion"]
    drawn = {
        "accuracies": accuracy.draw(table, **look),
        "similarity": cka.draw(cka_table, table, inversion=kind, **look),
        "similarity_by_budget": budgets.draw(cka_table, table, inversion=kind, **look),
        "layers": layer_figure.draw(
            pd.DataFrame(layer_rows), table, pairs=figures["layers"]["panels"], **look
        ),
        "transfer": sat.draw(
            pd.DataFrame(mutual), pd.DataFrame(directed), table, attack=figures["transfer"]["attack"], **look
        ),
    }
    for name, figure in drawn.items():
        style.save(figure, folder / f"{name}.png", folder / f"{name}.pdf")


def _cells(stimuli, inverter, names, pairs, found, n):  # type: ignore[no-untyped-def]
    return [
        {
            "stimuli": stimuli,
            "inverter": inverter,
            "model_a": names[a],
            "model_b": names[b],
            "measure": measure,
        }
        | {"layer_a": "penultimate", "layer_b": "penultimate", "n": n}
        | {column: values[row] for column, values in rows.items()}
        for measure, rows in found.items()
        for row, (a, b) in enumerate(pairs)
    ]


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of a command and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml", help="the study to run")
    parser.add_argument("--cores", default="2", help="jobs at a time of the Snakemake run")
    parser.add_argument("--csv", type=Path, help="write the result there too")
    parser.add_argument("--in-process", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    study = given.config.resolve()
    if given.in_process:
        work(study, given.in_process)
        return
    with tempfile.TemporaryDirectory() as place:
        checkout, alone = Path(place) / "checkout", Path(place) / "alone"
        checkout.mkdir()
        alone.mkdir()
        for name in SOURCES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, checkout / name)
        shutil.copy2(study, checkout / "config.yaml")
        here = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--config",
            str(study),
            "--in-process",
            str(alone),
        ]
        one_cpu, one_wall = measured(here, alone)
        all_cpu, all_wall = measured([sys.executable, "-m", "snakemake", "--cores", given.cores], checkout)
    rows = [
        ("one process", one_cpu, one_wall),
        ("snakemake", all_cpu, all_wall),
        ("overhead, share of snakemake's", 1 - one_cpu / all_cpu, float("nan")),
        ("ratio snakemake / one process", all_cpu / one_cpu, float("nan")),
    ]
    print(f"{'':34}{'CPU s':>10}{'wall s':>10}")
    for name, cpu, wall in rows:
        print(f"{name:34}{cpu:10.3g}{'' if math.isnan(wall) else f'{wall:10.3g}'}")
    if given.csv:
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows([("what", "cpu", "wall"), *rows])


if __name__ == "__main__":
    main()
