"""Studies of many models that look finished to Snakemake, although nothing was computed: for tests of plans."""

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
    config["figures"] = {"gallery": False}
    del config["sat"]
    study.write_config(config)
    return study


def pretend(study: Checkout, *targets: str) -> None:
    """Leave a study as if it had been run: every output is there, empty, and Snakemake has its records.

    Tiles record their members in their own attributes, which are copied from the records.
    """
    listed = study.snakemake("--summary", *targets)
    assert listed.status == 0, listed.text[-3000:]
    outputs = [line.split("\t")[0] for line in listed.text.splitlines() if line.startswith("results/")]
    for name in outputs:
        path = study / name
        if path.suffix == ".zarr" or (path.parent.name == "snapshots" and not path.suffix):
            path.mkdir(parents=True, exist_ok=True)
            (path / "zarr.json").write_text("{}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    touched = study.snakemake("--touch", "--forceall", *targets)
    assert touched.status == 0, touched.text[-3000:]
