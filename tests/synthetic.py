"""Studies of many models that look finished to Snakemake, although nothing was computed: for tests of plans."""

import base64
import json
from ast import literal_eval
from pathlib import Path

from workflow import ROOT, Checkout


def entry(seed: int) -> dict:
    return {"architecture": "kindred_vgg", "training": "standard", "seed": seed}


def synthetic(folder: Path, models: int, groups: int) -> Checkout:
    """tests/small.yaml with other models, net0000 and so on, and without figures of single ones."""
    study = Checkout(folder, ROOT / "tests" / "small.yaml")
    config = study.config()
    config["models"] = {f"net{seed:04d}": entry(seed) for seed in range(models)}
    config["similarity"]["groups"] = groups
    config["figures"] = {}
    del config["sat"]
    study.write_config(config)
    return study


def pretend(study: Checkout) -> None:
    """Leave a study as if it had been run: every output is there, empty, and Snakemake has its records.

    Tiles say what they took from which model in their own attributes, which are copied from the records.
    """
    listed = study.snakemake("--summary")
    assert listed.status == 0, listed.text[-3000:]
    outputs = [line.split("\t")[0] for line in listed.text.splitlines() if line.startswith("results/")]
    for name in outputs:
        path = study / name
        if path.suffix == ".zarr":
            path.mkdir(parents=True)
            (path / "zarr.json").write_text("{}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    touched = study.snakemake("--touch", "--forceall")
    assert touched.status == 0, touched.text[-3000:]
    for record in (study / ".snakemake/metadata").iterdir():
        output = base64.urlsafe_b64decode(record.name).decode()
        for param in json.loads(record.read_text())["params"]:
            value = literal_eval(param)
            if isinstance(value, dict) and all(str(at).startswith("settings ") for at in value.values()):
                (study / output / "zarr.json").write_text(json.dumps({"attributes": {"members": value}}))
