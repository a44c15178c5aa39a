"""Where third-party data for opt-in tests lie: never part of the project, skipped where they are not there."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def reference(name: str) -> Path:
    """A file below $KINDRED_REFERENCE, else below ../shared/reference beside the checkout; skips without it."""
    folder = Path(os.environ.get("KINDRED_REFERENCE") or ROOT.parent / "shared" / "reference")
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not in {folder}; set KINDRED_REFERENCE to the folder that holds it")
    return folder / name
