"""Fingerprints: what a result depends on, as short strings that change when and only when it does.

Snakemake tracks scripts by file time and the modules they import not at all. A fingerprint of the parsed
source sees neither time stamps nor formatting, comments or docstrings, and follows imports of the package.
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

PACKAGE = Path(__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def of(value: Any) -> str:
    """Fingerprint of a JSON-able value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_code(script: str | Path) -> str:
    """Fingerprint of a script and of every module of the package that it imports, however indirectly."""
    script = Path(script)
    # Named from the package on: modules in different folders of it share a name, and a checkout may be moved.
    return of(
        {
            path.name if path == script else path.relative_to(PACKAGE.parent).as_posix(): _meaning(path)
            for path in _reach(script)
        }
    )


def of_file(path: str | Path, memory: Path) -> str:
    """Fingerprint of the content of a file that the user brings; 'missing' where there is none.

    Such files may hold gigabytes: what was read once is remembered in the JSON file `memory`, by path, size and
    time of change, so that touching the file costs one more reading and changes nothing.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return "missing"
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(memory.read_text(encoding="utf-8"))
    key = f"{Path(path).resolve()} {status.st_size} {status.st_mtime_ns}"
    if key not in known:
        with open(path, "rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_name(f"{memory.name}.{os.getpid()}")
        partial.write_text(json.dumps(known, indent=0), encoding="utf-8")
        os.replace(partial, memory)
    return known[key]


def _reach(script: Path) -> set[Path]:
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting.extend(_imports(path))
    return seen


@cache
def _tree(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]  # what only a type checker reads decides no result
    return tree


@cache
def _meaning(path: Path) -> str:
    # Unparsed rather than dumped: the dump of one source differs between versions of Python.
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
    for name in names:
        head, *rest = name.split(".")
        if head != "kindred":
            continue
        # Importing a module runs the packages that it is in as well.
        for depth in range(len(rest) + 1):
            base = PACKAGE.joinpath(*rest[:depth])
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.exists():
                    yield candidate
