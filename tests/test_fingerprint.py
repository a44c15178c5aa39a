"""Fingerprints change when a result may change, and only then."""

import hashlib
import os
import shutil
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kindred.workflow import fingerprint

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
    """A small checkout with files to edit, and the fingerprints of its scripts."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        self.restore()

    def restore(self) -> None:
        """The original files, and no others."""
        shutil.rmtree(self.root, ignore_errors=True)
        for path, source in SOURCES.items():
            self.write(path, textwrap.dedent(source).lstrip())

    def write(self, path: str, source: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(source, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        source = (self.root / path).read_text(encoding="utf-8")
        assert source.count(old) == 1
        self.write(path, source.replace(old, new))

    def code(self, script: str = "job", *modules: str) -> str:
        """As a fresh process would find it."""
        for remembered in (fingerprint._tree, fingerprint._meaning, fingerprint._imports):
            remembered.cache_clear()
        self.monkeypatch.setattr(fingerprint, "PACKAGE", self.root / "scripts" / "kindred")
        return fingerprint.of_code(self.root / "scripts" / f"{script}.py", modules)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path / "here", monkeypatch)


DIRECT = "scripts/kindred/direct.py"

IRRELEVANT: Mapping[str, Callable[[Checkout], None]] = {
    "a comment": lambda c: c.replace(DIRECT, "# why", "# why not\n    # at all"),
    "no comment": lambda c: c.replace(DIRECT, "  # why", ""),
    "blank lines": lambda c: c.replace(DIRECT, "STEPS = 3\n", "\n\nSTEPS = 3\n\n\n\n"),
    "layout": lambda c: c.replace(DIRECT, "scale * (STEPS + width)", "(\n        scale  *  (STEPS+width)\n    )"),
    "quotes": lambda c: c.replace("scripts/kindred/figures/style.py", "'red'", '"red"'),
    "the docstring of a module": lambda c: c.replace(DIRECT, '"""A module."""', '"""Other words."""'),
    "the docstring of a class": lambda c: c.replace(DIRECT, '"""A class."""', '"""Other words."""'),
    "the docstring of a function": lambda c: c.replace(DIRECT, '"""A function."""', "'''\n    Other words.\n    '''"),
    "no docstring": lambda c: c.replace(DIRECT, '    """A function."""\n', ""),
    "a new docstring": lambda c: c.replace("scripts/kindred/indirect.py", "scale", '"""Words."""\n\nscale'),
    "a module that is not imported": lambda c: c.replace("scripts/kindred/unused.py", "2.0", "3.0"),
    "a module that is new": lambda c: c.write("scripts/kindred/new.py", "scale = 2.0\n"),
    "another script": lambda c: c.replace("scripts/other.py", "print", "repr"),
    "touch": lambda c: os.utime(c.root / DIRECT, (time.time() + 100,) * 2),
}

RELEVANT: Mapping[str, Callable[[Checkout], None]] = {
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


def changes(checkout: Checkout, edits: Mapping[str, Callable[[Checkout], None]]) -> dict[str, bool]:
    """Changes of the script's fingerprint by each edit on its own."""
    found = {}
    before = checkout.code()
    for name, edit in edits.items():
        edit(checkout)
        found[name] = checkout.code() != before
        checkout.restore()
    return found


def test_irrelevant_edits_do_not_change_it(checkout: Checkout) -> None:
    assert [name for name, changed in changes(checkout, IRRELEVANT).items() if changed] == []


def test_relevant_edits_change_it(checkout: Checkout) -> None:
    assert [name for name, changed in changes(checkout, RELEVANT).items() if not changed] == []


def test_imports_for_type_checkers_do_not_count(checkout: Checkout) -> None:
    checkout.replace(DIRECT, "STEPS = 3\n", "STEPS = 3\nif TYPE_CHECKING:\n    from kindred import unused\n")
    before = checkout.code()
    checkout.replace("scripts/kindred/unused.py", "2.0", "3.0")
    checkout.replace(DIRECT, "from kindred import unused", "from kindred import direct")
    assert checkout.code() == before


FOLLOWED = (
    "import kindred.unused",
    "import kindred.unused as other",
    "from kindred import unused",
    "from kindred import direct, unused as other",
    "from kindred.unused import scale",
    "def later():\n    from kindred.unused import scale",
    "import kindred.figures.deep.unused",
    "from kindred.figures.deep import unused",
    "from kindred.figures.deep.unused import scale",
)
NOT_FOLLOWED = ("import kindred", "from kindred import figures", "from kindredness import unused", "import unused")


def follows(checkout: Checkout, line: str) -> bool:
    """True if an edit of the module `unused` changes the fingerprint of a script with this line."""
    used = f"scripts/kindred/{'figures/deep/' if 'deep' in line else ''}unused.py"
    checkout.write(used, "scale = 2.0\n")
    checkout.write("scripts/job.py", f"{line}\nprint(1)\n")
    before = checkout.code()
    checkout.replace(used, "2.0", "3.0")
    return checkout.code() != before


def test_every_form_of_import_is_followed(checkout: Checkout) -> None:
    assert [line for line in FOLLOWED if not follows(checkout, line)] == []
    assert [line for line in NOT_FOLLOWED if follows(checkout, line)] == []


@pytest.mark.parametrize("package", ["", "figures/", "figures/deep/"])
def test_packages_of_imported_modules_count(checkout: Checkout, package: str) -> None:
    checkout.write("scripts/job.py", "from kindred.figures.deep.unused import scale\n")
    checkout.write("scripts/kindred/figures/deep/unused.py", "scale = 2.0\n")
    before = checkout.code()
    checkout.write(f"scripts/kindred/{package}__init__.py", "import warnings\n")
    assert checkout.code() != before


def test_modules_of_the_same_name_in_two_folders_count(checkout: Checkout) -> None:
    checkout.write("scripts/kindred/tables.py", "ROWS = 1\n")
    checkout.write("scripts/job.py", "from kindred import tables\nfrom kindred.figures import tables as other\n")
    found = {checkout.code()}
    checkout.write("scripts/kindred/tables.py", "ROWS = 2\n")
    found.add(checkout.code())
    checkout.replace("scripts/kindred/figures/tables.py", "3", "4")
    found.add(checkout.code())
    assert len(found) == 3


def test_circular_imports(checkout: Checkout) -> None:
    checkout.write("scripts/kindred/indirect.py", "from kindred import direct\n\nscale = 2.0\n")
    before = checkout.code()
    checkout.replace("scripts/kindred/indirect.py", "2.0", "3.0")
    assert checkout.code() != before


def test_unchanged_by_moving_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    before = checkout.code()
    # Sorted by absolute path, the script comes before the package in one place and after it in the other.
    shutil.move(tmp_path / "here", tmp_path / "zz" / "there")
    checkout.root = tmp_path / "zz" / "there"
    assert checkout.code() == before


def test_scripts_have_different_fingerprints(checkout: Checkout) -> None:
    assert checkout.code("job") != checkout.code("other")


def test_catalogues_are_left_out_and_modules_that_are_used_count(checkout: Checkout) -> None:
    checkout.write("scripts/kindred/catalogue.py", "from kindred import unused\n\nENTRIES = {'a': 1}\n")
    checkout.replace(DIRECT, "STEPS = 3\n", "STEPS = 3\nfrom kindred import catalogue\n")
    before = checkout.code()
    checkout.write("scripts/kindred/catalogue.py", "ENTRIES = {'a': 1, 'b': 2}\n")
    checkout.write("scripts/kindred/unused.py", "changed = 1\n")
    assert checkout.code() == before
    used = checkout.code("job", "kindred.unused")
    assert used != before
    checkout.write("scripts/kindred/unused.py", "changed = 2\n")
    assert checkout.code("job", "kindred.unused") != used


def test_this_project(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = Path(__file__).parents[1] / "scripts"

    def reached(script: str) -> set[str]:
        return {path.relative_to(scripts).as_posix() for path in fingerprint.reach([scripts / f"{script}.py"])}

    found = reached("invert_images")
    assert {"invert_images.py", "kindred/inversion/inversion.py", "kindred/models/classifiers.py"} <= found
    assert "kindred/descent.py" in found and "kindred/similarity/cka.py" not in found
    # Methods of a catalogue are loaded by name, so a script reaches none of them by itself.
    assert not [name for name in reached("attack_model") if name.endswith(("apgd.py", "spatial.py", "catalogue.py"))]
    assert not [name for name in reached("train_model") if name.endswith(("trades.py", "catalogue.py"))]


def test_fingerprints_of_values() -> None:
    assert fingerprint.of({"a": 1, "b": {"c": [1, 2], "d": None}}) == fingerprint.of(
        {"b": {"d": None, "c": [1, 2]}, "a": 1}
    )
    maps = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]}, {}]
    different = [*maps, [["a", 1]], [], None, [2, 1], [1, 2], 0.1]
    assert len({fingerprint.of(value) for value in different}) == len(different)
    # Stated here, as fingerprints outlive the process and the machine.
    text = rb'{"a":"\u00fc","b":[1,0.5,null]}'
    assert fingerprint.of({"b": [1, 0.5, None], "a": "ü"}) == hashlib.sha256(text).hexdigest()[:16]


def test_fingerprints_of_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    memory = tmp_path / "memory" / "hashes.json"
    assert fingerprint.of_file(path, memory) == "missing"
    path.write_bytes(b"some")
    before = fingerprint.of_file(path, memory)
    assert before == hashlib.sha256(b"some").hexdigest()
    os.utime(path, ns=(10**18, 10**18))
    assert fingerprint.of_file(path, memory) == before  # touched and read again, but the same
    path.write_bytes(b"more")
    assert fingerprint.of_file(path, memory) != before
    memory.write_text("not json")
    assert fingerprint.of_file(path, memory) == hashlib.sha256(b"more").hexdigest()


def test_unchanged_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, memory = tmp_path / "weights.pt", tmp_path / "hashes.json"
    path.write_bytes(b"some")
    before = fingerprint.of_file(path, memory)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", None)
        assert fingerprint.of_file(path, memory) == before


@pytest.mark.parametrize("replaced", [False, True])
def test_other_content_of_the_same_size_and_time_is_noticed(tmp_path: Path, replaced: bool) -> None:
    path, memory = tmp_path / "weights.pt", tmp_path / "hashes.json"
    path.write_bytes(b"some")
    os.utime(path, ns=(10**18, 10**18))
    before = fingerprint.of_file(path, memory)
    other = tmp_path / "other.pt" if replaced else path
    other.write_bytes(b"same")
    os.utime(other, ns=(10**18, 10**18))
    if replaced:
        os.replace(other, path)
    assert fingerprint.of_file(path, memory) == hashlib.sha256(b"same").hexdigest() != before
