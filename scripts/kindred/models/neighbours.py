"""Modules beside a user's Python file, which are that file's alone: many repositories have a `utils.py`. No torch.

Python knows a module by its name, so that of two files which import `utils` the second would be given the first one's.
`Neighbours` lends the names to one folder at a time.
"""

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType


class Neighbours:
    """The modules that code in a folder imports from beside it, whenever it imports them.

    Inside `lent`, the folder comes first on `sys.path`, and modules of other places that have the names of files here
    are out of sight. Afterwards everything is as before, and what was imported from here is kept for the next time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.kept: dict[str, ModuleType] = {}
        self.depth = 0
        self.hidden: dict[str, ModuleType] = {}

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """The folder's own modules are those that imports find."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Begin what `leave` ends; may be nested."""
        self.depth += 1
        if self.depth > 1:
            return
        self.hidden = self._loaded(own=False)
        for name in self.hidden:
            del sys.modules[name]
        sys.modules.update(self.kept)
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()

    def leave(self) -> None:
        """End what `enter` began."""
        self.depth -= 1
        if self.depth:
            return
        with contextlib.suppress(ValueError):
            sys.path.remove(str(self.folder))
        self.kept = self._loaded(own=True)
        for name in self.kept:
            del sys.modules[name]
        sys.modules.update(self.hidden)
        self.hidden = {}

    def _loaded(self, own: bool) -> dict[str, ModuleType]:
        """Modules that are loaded under the names of files here: those from here, or those from elsewhere.

        Parts of Python and of Kindred are never any of them, and neither is what the program runs as.
        """
        names = {
            name
            for name in names_in(self.folder)
            if name in sys.modules and name not in UNTOUCHED and self._is_own(sys.modules[name]) == own
        }
        if not names:
            return {}
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}

    def _is_own(self, module: ModuleType) -> bool:
        where = getattr(module, "__file__", None)
        if where is None:  # a folder without __init__.py may be in several places
            return any(Path(path).resolve().parent == self.folder for path in getattr(module, "__path__", ()))
        file = Path(where).resolve()
        return self.folder in (file.parent, file.parent.parent if file.stem == "__init__" else None)


UNTOUCHED = {*sys.stdlib_module_names, "__main__", "kindred"}


@cache
def of_folder(folder: Path) -> Neighbours:
    """The one `Neighbours` of a folder: all models whose code lies there share its modules."""
    return Neighbours(folder)


def names_in(folder: Path) -> set[str]:
    """Names of the modules and packages in a folder."""
    endings = tuple(all_suffixes())
    found = set()
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.endswith(endings) or (path.is_dir() and path.name.isidentifier()):
                found.add(path.name.partition(".")[0])
    return found


def files(path: Path) -> list[Path]:
    """A Python file and the files beside it that it imports, directly or not, by its parsed source; sorted after it.

    Imports inside functions count. A file that cannot be parsed has no others: importing it tells what is wrong.
    """
    reached: set[Path] = set()
    waiting = [path]
    while waiting:
        one = waiting.pop()
        if one in reached or not one.is_file():
            continue
        reached.add(one)
        waiting += _imported(one, path.parent)
    return [path, *sorted(reached - {path})]


def _imported(path: Path, root: Path) -> list[Path]:
    """Files below root that a file may mean by its imports, with the `__init__.py` of each package on the way."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    found: list[Path] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found += _files_of(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = root if node.level == 0 else path.parent
            for _ in range(node.level - 1):
                base = base.parent
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                found += _files_of(base, [*parts, alias.name])
    return found


def _files_of(base: Path, parts: list[str]) -> list[Path]:
    found = []
    for depth in range(len(parts) + 1):
        place = base.joinpath(*parts[:depth])
        found += [place / "__init__.py", *([place.with_name(f"{place.name}.py")] if depth else [])]
    return [path for path in found if path.is_file()]
