"""Fingerprints of values, code and files: short strings that change if and only if a result may change.

Snakemake tracks scripts by modification time and the modules that they import not at all. A fingerprint of
the parsed source ignores times, formatting, comments and docstrings, and follows imports of the package.
"""

import ast
import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent
CATALOGUE, INIT = "catalogue.py", "__init__.py"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def of(value: Any) -> str:
    """Fingerprint of a JSON-able value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_code(script: str | Path, modules: Iterable[str] = ()) -> str:
    """Fingerprint of a script, of further modules of the package, and of every module that these import.

    Catalogues (`catalogue.py`) are left out, with everything that only they import, so that a new entry
    changes nothing; the parts that a job uses must be among `modules` and in its settings.
    """
    script = Path(script)
    start = [script, *(path for path in _files(modules) if path.name != INIT)]
    # By path within the package: modules in different folders share names, and a checkout may be moved.
    return of(
        {
            path.name if path == script else path.relative_to(PACKAGE.parent).as_posix(): _meaning(path)
            for path in reach(start)
        }
    )


def of_file(path: str | Path, memory: Path) -> str:
    """Fingerprint of the content of a user's file; 'missing' if there is none.

    Such files may hold gigabytes: hashes are kept in the JSON file `memory`, by path, size, times and place on the
    disk, so that touching the file costs one more reading and changes nothing. The time of the last change of its
    status cannot be set, so a file that takes another's place is noticed although its size and time are the same.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return "missing"
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(memory.read_text(encoding="utf-8"))
    key = f"{Path(path).resolve()} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    if key not in known:
        with open(path, "rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_name(f"{memory.name}.{os.getpid()}")
        partial.write_text(json.dumps(known, indent=0), encoding="utf-8")
        os.replace(partial, memory)
    return known[key]


def reach(start: Iterable[Path]) -> set[Path]:
    """These files and all modules of the package that they import, directly or not."""
    reached: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path in reached or path.name == CATALOGUE:
            continue
        reached.add(path)
        waiting.extend(_imports(path))
    return reached


@cache
def _tree(path: Path) -> ast.Module:
    """The parsed source without docstrings and without code for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]  # read by type checkers only
    return tree


@cache
def _meaning(path: Path) -> str:
    # Unparsed rather than dumped: dumps differ between versions of Python.
    return hashlib.sha256(ast.unparse(_tree(path)).encode()).hexdigest()


@cache
def _imports(path: Path) -> frozenset[Path]:
    names: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return frozenset(_files(names))


def _files(names: Iterable[str]) -> Iterable[Path]:
    """Files of modules of the package, by name, with the `__init__.py` of each package on the way."""
    for name in names:
        head, *rest = name.split(".")
        if head != "kindred":
            continue
        # Importing a module also runs the packages that contain it.
        for depth in range(len(rest) + 1):
            base = PACKAGE.joinpath(*rest[:depth])
            for candidate in (base.with_suffix(".py"), base / INIT):
                if candidate.exists():
                    yield candidate
