"""Fingerprints: they change when what a result depends on changes, and only then."""

import hashlib
import os
import shutil
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kindred import fingerprint

SOURCES = {
    "scripts/job.py": '''
        """A script."""
        from kindred import direct
        from kindred.figures.style import COLOUR

        print(direct.answer(), COLOUR)
        ''',
    "scripts/other.py": "import kindred.direct\nprint(kindred.direct)\n",
    "scripts/kindred/__init__.py": "",
    "scripts/kindred/direct.py": '''
        """A module."""
        import numpy as np

        from kindred.indirect import scale

        STEPS = 3


        class Thing:
            """A class."""

            size = 2


        def answer(width=1):
            """A function."""
            return scale * (STEPS + width)  # why
        ''',
    "scripts/kindred/indirect.py": "scale = 2.0\n",
    "scripts/kindred/unused.py": "scale = 2.0\n",
    "scripts/kindred/figures/__init__.py": "FIRST = 1\n",
    "scripts/kindred/figures/style.py": "from kindred.figures import tables\n\nCOLOUR = 'red'\n",
    "scripts/kindred/figures/tables.py": "COLUMNS = 3\n",
}


class Checkout:
    """A small checkout whose files can be changed, and the fingerprints of its scripts."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        for path, source in SOURCES.items():
            self.write(path, textwrap.dedent(source).lstrip())

    def write(self, path: str, source: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(source, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        source = (self.root / path).read_text(encoding="utf-8")
        assert source.count(old) == 1
        self.write(path, source.replace(old, new))

    def code(self, script: str = "job") -> str:
        """As a fresh process would find it."""
        for remembered in (fingerprint._tree, fingerprint._meaning, fingerprint._imports):
            remembered.cache_clear()
        self.monkeypatch.setattr(fingerprint, "PACKAGE", self.root / "scripts" / "kindred")
        return fingerprint.of_code(self.root / "scripts" / f"{script}.py")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path / "here", monkeypatch)


DIRECT = "scripts/kindred/direct.py"

MEANINGLESS: Mapping[str, Callable[[Checkout], None]] = {
    "a comment": lambda c: c.replace(DIRECT, "# why", "# why not\n    # at all"),
    "no comment": lambda c: c.replace(DIRECT, "  # why", ""),
    "blank lines": lambda c: c.replace(DIRECT, "STEPS = 3\n", "\n\nSTEPS = 3\n\n\n\n"),
    "layout": lambda c: c.replace(
        DIRECT, "scale * (STEPS + width)", "(\n        scale  *  (STEPS+width)\n    )"
    ),
    "quotes": lambda c: c.replace("scripts/kindred/figures/style.py", "'red'", '"red"'),
    "the docstring of a module": lambda c: c.replace(DIRECT, '"""A module."""', '"""Other words."""'),
    "the docstring of a class": lambda c: c.replace(DIRECT, '"""A class."""', '"""Other words."""'),
    "the docstring of a function": lambda c: c.replace(
        DIRECT, '"""A function."""', "'''\n    Other words.\n    '''"
    ),
    "no docstring": lambda c: c.replace(DIRECT, '    """A function."""\n', ""),
    "a new docstring": lambda c: c.replace("scripts/kindred/indirect.py", "scale", '"""Words."""\n\nscale'),
    "a module that is not imported": lambda c: c.replace("scripts/kindred/unused.py", "2.0", "3.0"),
    "a module that is new": lambda c: c.write("scripts/kindred/new.py", "scale = 2.0\n"),
    "another script": lambda c: c.replace("scripts/other.py", "print", "repr"),
    "touch": lambda c: os.utime(c.root / DIRECT, (time.time() + 100,) * 2),
}

MEANINGFUL: Mapping[str, Callable[[Checkout], None]] = {
    "a constant": lambda c: c.replace(DIRECT, "STEPS = 3", "STEPS = 4"),
    "a default": lambda c: c.replace(DIRECT, "width=1", "width=2"),
    "an attribute of a class": lambda c: c.replace(DIRECT, "size = 2", "size = 3"),
    "brackets that count": lambda c: c.replace(DIRECT, "scale * (STEPS + width)", "scale * STEPS + width"),
    "the script": lambda c: c.replace("scripts/job.py", "print(direct", "repr(direct"),
    "an indirect import": lambda c: c.replace("scripts/kindred/indirect.py", "2.0", "3.0"),
    "a module in a package": lambda c: c.replace("scripts/kindred/figures/style.py", "'red'", "'blue'"),
    "an indirect import in a package": lambda c: c.replace("scripts/kindred/figures/tables.py", "3", "4"),
    "the package of an import": lambda c: c.replace("scripts/kindred/figures/__init__.py", "1", "2"),
    "the package itself": lambda c: c.write("scripts/kindred/__init__.py", "import warnings\n"),
    "a string that is no docstring": lambda c: c.replace(DIRECT, "STEPS = 3", "STEPS = 3\nname = 'STEPS'"),
}


@pytest.mark.parametrize("edit", MEANINGLESS)
def test_unchanged_by(checkout: Checkout, edit: str) -> None:
    before = checkout.code()
    MEANINGLESS[edit](checkout)
    assert checkout.code() == before


@pytest.mark.parametrize("edit", MEANINGFUL)
def test_changed_by(checkout: Checkout, edit: str) -> None:
    before = checkout.code()
    MEANINGFUL[edit](checkout)
    assert checkout.code() != before


def test_what_only_a_type_checker_reads_is_not_followed(checkout: Checkout) -> None:
    checkout.replace(DIRECT, "STEPS = 3\n", "STEPS = 3\nif TYPE_CHECKING:\n    from kindred import unused\n")
    before = checkout.code()
    checkout.replace("scripts/kindred/unused.py", "2.0", "3.0")
    checkout.replace(DIRECT, "from kindred import unused", "from kindred import direct")
    assert checkout.code() == before


@pytest.mark.parametrize(
    ("line", "follows"),
    [
        ("import kindred.unused", True),
        ("import kindred.unused as other", True),
        ("from kindred import unused", True),
        ("from kindred import direct, unused as other", True),
        ("from kindred.unused import scale", True),
        ("def later():\n    from kindred.unused import scale", True),
        ("import kindred.figures.deep.unused", True),
        ("from kindred.figures.deep import unused", True),
        ("from kindred.figures.deep.unused import scale", True),
        ("import kindred", False),
        ("from kindred import figures", False),
        ("from kindredness import unused", False),
        ("import unused", False),
    ],
)
def test_every_way_of_importing(checkout: Checkout, line: str, follows: bool) -> None:
    used = "scripts/kindred/unused.py"
    if "deep" in line:
        used = "scripts/kindred/figures/deep/unused.py"
        checkout.write(used, "scale = 2.0\n")
    checkout.write("scripts/job.py", f"{line}\nprint(1)\n")
    before = checkout.code()
    checkout.replace(used, "2.0", "3.0")
    assert (checkout.code() != before) == follows


@pytest.mark.parametrize("package", ["", "figures/", "figures/deep/"])
def test_packages_run_before_their_modules(checkout: Checkout, package: str) -> None:
    checkout.write("scripts/job.py", "from kindred.figures.deep.unused import scale\n")
    checkout.write("scripts/kindred/figures/deep/unused.py", "scale = 2.0\n")
    before = checkout.code()
    checkout.write(f"scripts/kindred/{package}__init__.py", "import warnings\n")
    assert checkout.code() != before


def test_modules_of_one_name_in_two_folders_both_count(checkout: Checkout) -> None:
    checkout.write("scripts/kindred/tables.py", "ROWS = 1\n")
    checkout.write(
        "scripts/job.py", "from kindred import tables\nfrom kindred.figures import tables as other\n"
    )
    seen = {checkout.code()}
    checkout.write("scripts/kindred/tables.py", "ROWS = 2\n")
    seen.add(checkout.code())
    checkout.replace("scripts/kindred/figures/tables.py", "3", "4")
    seen.add(checkout.code())
    assert len(seen) == 3


def test_imports_in_a_circle_end(checkout: Checkout) -> None:
    checkout.write("scripts/kindred/indirect.py", "from kindred import direct\n\nscale = 2.0\n")
    before = checkout.code()
    checkout.replace("scripts/kindred/indirect.py", "2.0", "3.0")
    assert checkout.code() != before


def test_unchanged_by_moving_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    before = checkout.code()
    # Sorted by whole path, the script comes before the package here and after it there.
    shutil.move(tmp_path / "here", tmp_path / "zz" / "there")
    checkout.root = tmp_path / "zz" / "there"
    assert checkout.code() == before


def test_scripts_differ_from_each_other(checkout: Checkout) -> None:
    assert checkout.code("job") != checkout.code("other")


def test_this_project(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = Path(__file__).parents[1] / "scripts"
    reached = {
        path.relative_to(scripts).as_posix() for path in fingerprint._reach(scripts / "invert_images.py")
    }
    assert {"invert_images.py", "kindred/inversion.py", "kindred/descent.py", "kindred/models.py"} <= reached
    assert not {"kindred/attacks.py", "kindred/cka.py", "kindred/figures/style.py"} & reached
    reached = {
        path.relative_to(scripts).as_posix() for path in fingerprint._reach(scripts / "draw_layers.py")
    }
    assert "kindred/figures/style.py" in reached and "kindred/descent.py" not in reached


def test_of_values() -> None:
    assert fingerprint.of({"a": 1, "b": {"c": [1, 2], "d": None}}) == fingerprint.of(
        {"b": {"d": None, "c": [1, 2]}, "a": 1}
    )
    different = [
        {"a": 1},
        {"a": 2},
        {"b": 1},
        {"a": "1"},
        {"a": [1]},
        [["a", 1]],
        {},
        [],
        None,
        [2, 1],
        [1, 2],
        0.1,
    ]
    assert len({fingerprint.of(value) for value in different}) == len(different)
    # Written out, as fingerprints outlive the process and the machine that made them.
    text = rb'{"a":"\u00fc","b":[1,0.5,null]}'
    assert fingerprint.of({"b": [1, 0.5, None], "a": "ü"}) == hashlib.sha256(text).hexdigest()[:16]


def test_of_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    memory = tmp_path / "memory" / "hashes.json"
    assert fingerprint.of_file(path, memory) == "missing"
    path.write_bytes(b"some")
    before = fingerprint.of_file(path, memory)
    assert before == hashlib.sha256(b"some").hexdigest()
    os.utime(path, ns=(10**18, 10**18))
    assert fingerprint.of_file(path, memory) == before  # touched, read again, the same
    path.write_bytes(b"more")
    assert fingerprint.of_file(path, memory) != before
    memory.write_text("not json")
    assert fingerprint.of_file(path, memory) == hashlib.sha256(b"more").hexdigest()


def test_a_large_file_is_read_once(tmp_path: Path) -> None:
    path, memory = tmp_path / "weights.pt", tmp_path / "hashes.json"
    path.write_bytes(b"some")
    os.utime(path, ns=(10**18, 10**18))
    before = fingerprint.of_file(path, memory)
    path.write_bytes(b"same")  # as long, and by its time of change as old
    os.utime(path, ns=(10**18, 10**18))
    assert fingerprint.of_file(path, memory) == before
