"""Reading all results, and telling which are damaged and how to make them again."""

from collections.abc import Iterator
from pathlib import Path

from kindred.models import descriptions
from kindred.workflow import store
from kindred.workflow.errors import BadInput


def stores(results: Path) -> list[Path]:
    """All stores below a folder, finished or not."""
    found = [path.parent for path in results.rglob("zarr.json") if path.parent.suffix == ".zarr"]
    return sorted(path for path in found if not path.name.startswith("."))


def models(results: Path) -> list[Path]:
    """All files of weights, of models and of checkpoints, that have a description beside them."""
    return sorted(path for path in results.rglob("*.safetensors") if path.with_suffix(".json").exists())


def faults(path: Path) -> Iterator[str]:
    """What is wrong with a store, or with weights and their description, in one sentence each."""
    try:
        if path.suffix == ".zarr":
            if found := store.damage(path):
                yield f"store '{path}' is damaged: {found}"
            return
        about = descriptions.read(str(path.with_suffix(".json")), ("weights_sha256",))
        if descriptions.file_hash(path) != about["weights_sha256"]:
            yield f"weights '{path}' are not those that their description was written for"
    except BadInput as error:
        yield str(error)
    except OSError as error:
        yield f"'{path}' cannot be read: {error.strerror}"


def again(paths: list[Path]) -> str:
    """The command that makes damaged results again, and what depends on them."""
    return f"rm -r {' '.join(map(str, paths))} && snakemake"
