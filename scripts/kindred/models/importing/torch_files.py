"""Reading torch's files without running code of theirs, unless the user names a file's hash under `trust_pickle`."""

import argparse
import importlib.util
import pickle
import pickletools
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kindred.models import descriptions
from kindred.workflow.errors import BadInput, first_line

# The beginnings of other files that people name by mistake, and what they are. Spaces before them are skipped.
OTHER_KINDS = {
    b"version https://git-lfs": "a git-lfs pointer and no weights: fetch the file itself with `git lfs pull`",
    b"<!doctype": "a web page, such as a hub's notice, and no weights: download the file itself",
    b"<html": "a web page, such as a hub's notice, and no weights: download the file itself",
    b"<?xml": "an XML page, such as a server's error, and no weights: download the file itself",
    b"\x89hdf": "an HDF5 file, as Keras writes it; Kindred reads torch's files and safetensors",
    b"\x93numpy": "a single NumPy array, not weights by their names",
    b"gguf": "a GGUF file; Kindred reads torch's files and safetensors",
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"bzh": "compressed by bzip2: unpack it",
    b"\xfd7zxz": "compressed by xz: unpack it",
    b"(\xb5/\xfd": "compressed by zstd: unpack it",
}
# torch stores tensors as they are. An archive that grows by more than this when it is read was made to do so.
GROWTH, SMALL = 20, 2**26
LEGACY = 4  # pickles at the beginning of a file of before torch 1.6, the last of them the content
# Modules whose names in a pickle need nothing that is not here.
KNOWN = {"torch", "numpy", "collections", "builtins", "__builtin__", "copyreg", "copy_reg", "_codecs", "argparse"}


def read(path: Path, trusted: str | None = None) -> Any:
    """The whole content of a torch checkpoint: plain data and tensors.

    trusted: SHA-256 of a file that may be unpickled as a whole, which runs code of the file. Raises BadInput where the
    file is damaged, a pickle of more than tensors and plain data that is not trusted, or made to take far more memory
    than its size; and where another file than this one is trusted.
    """
    _demand_growth(path)
    try:
        with torch.serialization.safe_globals(harmless()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the messages below describe the file
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes raise anything
        refused = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"class (\S+) with", str(error))
        if "TorchScript" in str(error):
            raise BadInput(
                f"weights '{path}' hold a TorchScript program, and reading that would run code of the file; "
                "save the state dict alone: torch.save(model.state_dict(), path)"
            ) from error
        if refused or any(module.partition(".")[0] not in KNOWN for module in _named(path)):
            content = f"the class or function {refused[1]}" if refused else "more than tensors and plain data"
            _demand_trust(path, content, trusted)
            return _unpickled(path)
        # Without torch's advice about trusting the file.
        reason = first_line(error)
        reason = type(error).__name__ if reason.startswith("Weights only load failed") else reason
        raise BadInput(f"weights '{path}' are damaged or no torch file: {reason}") from error


def harmless() -> list[Any]:
    """Objects that training code saves beside weights: options, and NumPy's numbers and arrays by all their names."""
    scalar, array = (value.__reduce__()[0] for value in (np.float64(0), np.zeros(1)))
    kinds = {
        type(np.dtype(kind)) for kind in ("float16", "float32", "float64", "int32", "int64", "uint8", "bool", "S1")
    }
    # NumPy 2 moved what NumPy 1 had in numpy.core; files keep the name of the version that wrote them.
    names = [
        (found, f"{module}.multiarray.{name}")
        for found, name in ((scalar, "scalar"), (array, "_reconstruct"))
        for module in ("numpy.core", "numpy._core")
    ]
    return [argparse.Namespace, np.dtype, np.ndarray, scalar, array, *names, *kinds]


def demand_kind(path: Path) -> None:
    """Raise BadInput for a file that is no file of weights by its beginning, saying what it is."""
    with open(path, "rb") as file:
        beginning = file.read(64).lstrip().lower()
    for start, kind in OTHER_KINDS.items():
        if beginning.startswith(start):
            raise BadInput(f"weights '{path}' are {kind}")


def _demand_growth(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return  # torch says what is wrong with it
    size = path.stat().st_size
    if total > max(GROWTH * size, SMALL):
        raise BadInput(
            f"weights '{path}' are an archive of {size:,} bytes that unpacks to {total:,}; torch does not compress "
            "what it saves, so it was not read"
        )


def _named(path: Path) -> Iterator[str]:
    """Modules of the classes and functions that a file's pickle names; nothing is loaded."""
    try:
        for content in _pickles(path):
            strings: list[str] = []
            for step, value, _ in pickletools.genops(content):
                if step.name == "GLOBAL":
                    yield str(value).partition(" ")[0]
                elif step.name == "STACK_GLOBAL" and len(strings) > 1:
                    yield strings[-2]
                if isinstance(value, str):
                    strings.append(value)
    except Exception:  # damaged bytes raise anything
        return


def _pickles(path: Path) -> Iterator[Any]:
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            for _ in range(LEGACY):  # each is read to its end before the next
                yield file
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith("data.pkl"):
                yield archive.read(name)


def _demand_trust(path: Path, content: str, trusted: str | None) -> None:
    """Raise BadInput, naming what a file holds that is more than tensors, unless its hash is the trusted one."""
    digest = descriptions.file_hash(path)
    if trusted is None:
        lacking = _not_here(path)
        modules = (
            f"; it also needs {' and '.join(lacking)}, which {'are' if len(lacking) > 1 else 'is'} not here, so that "
            "code must be importable"
        )
        raise BadInput(
            f"weights '{path}' hold {content}, and reading that would run code of the file; save the state dict alone, "
            "torch.save(model.state_dict(), path), or, if you trust whoever made this very file, allow it with "
            f"`trust_pickle: {digest}` in the model's entry{modules if lacking else ''}"
        )
    if trusted != digest:
        raise BadInput(
            f"weights '{path}' hold {content}, and trust_pickle allows the file {trusted}, but this one is {digest}; "
            "it was not read"
        )


def _not_here(path: Path) -> list[str]:
    """Packages that a pickle names and that cannot be imported here; none of them is imported to find out."""
    packages = {module.partition(".")[0] for module in _named(path)} - KNOWN - set(sys.stdlib_module_names)
    lacking = []
    for package in sorted(packages):
        try:
            found = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            found = None
        if found is None and package.isidentifier():
            lacking.append(f"the module '{package}'")
    return lacking


def _unpickled(path: Path) -> Any:
    """The whole content of a pickle; runs code of the file. Pickles that `dill` wrote need that package."""
    try:
        import dill as unpickler
    except ImportError:
        unpickler = pickle
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=False, pickle_module=unpickler)
    except ModuleNotFoundError as error:
        extra = "pip install dill" if error.name == "dill" else "the code that saved it must be importable"
        raise BadInput(
            f"weights '{path}' are a pickle that needs the module '{error.name}', which is not here: {extra}"
        ) from error
    except Exception as error:  # code of the file may raise anything
        raise BadInput(f"weights '{path}' cannot be unpickled: {first_line(error)}") from error
