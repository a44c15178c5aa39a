"""Users' Python files and the modules beside them: two repositories in one job, whenever and however they import."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from kindred.models import builders, neighbours
from kindred.models.importing.facts import PythonFacts
from kindred.workflow.errors import BadInput

X = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
BODY = """
class Net(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.fc, self.act = nn.Linear(48, 3), act

    def forward(self, x):
        return {forward}(self.fc(x.flatten(1)))
"""
# How a file comes by what is beside it: at the top, inside the function, when the network runs; as a module, a package,
# a folder without __init__.py, by a relative import of a package, and through a second neighbour. Files, what the code
# imports at the top, what the function hands to the network, and what the network calls.
PACKAGE = {"models/__init__.py": "from .act import act", "models/act.py": "{act}"}
SUBMODULE = {"models/__init__.py": "", "models/act.py": "{act}"}
SECOND = {"utils.py": "from parts import act", "parts.py": "{act}"}
LATE = {"utils.py": "def get():\n    from parts import act\n    return act", "parts.py": "{act}"}
WAYS = {
    "top": ({"parts.py": "{act}"}, "from parts import act\n", "act", "self.act"),
    "function": ({"parts.py": "{act}"}, "", "__import__('parts').act", "self.act"),
    "forward": ({"parts.py": "{act}"}, "", "None", "__import__('parts').act"),
    "package": (PACKAGE, "import models\n", "models.act", "self.act"),
    "submodule": (SUBMODULE, "from models import act as held\n", "held.act", "self.act"),
    "folder": ({"models/act.py": "{act}"}, "import models.act\n", "models.act.act", "self.act"),
    "second": (SECOND, "import utils\n", "utils.act", "self.act"),
    "late second": (LATE, "import utils\n", "None", "utils.get()"),
    # A name that an installed package has too, and that is loaded already.
    "installed": ({"yaml.py": "{act}"}, "import yaml\n", "yaml.act", "self.act"),
}


def repository(folder: Path, way: str, act: str) -> str:
    files, top, made, forward = WAYS[way]
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(act=f"from torch import relu\n\ndef act(x):\n    return {act}\n"))
    code = "from torch import nn\n" + top + BODY.format(forward=forward) + f"\n\ndef build():\n    return Net({made})\n"
    (folder / "net.py").write_text(code)
    return f"python:{folder / 'net.py'}:build"


@pytest.mark.parametrize("way", WAYS)
def test_two_repositories_in_one_job(way: str, tmp_path: Path) -> None:
    import yaml

    modules, path = dict(sys.modules), list(sys.path)
    places = [repository(tmp_path / name, way, act) for name, act in (("a", "x + 1"), ("b", "x * 2"), ("c", "-x"))]
    nets = [builders.build(place, {}) for place in places]
    again = builders.build(places[0], {})
    for net in (*nets[1:], again):
        net.load_state_dict(nets[0].state_dict())
    plain = nets[0].fc(X.flatten(1))
    for _ in range(2):  # the second time from what is kept
        for net, expected in zip([*nets, again], [plain + 1, 2 * plain, -plain, plain + 1], strict=True):
            torch.testing.assert_close(net(X), expected)
            torch.testing.assert_close(copy.deepcopy(net)(X), expected)
    left = {name for name in sys.modules.keys() - modules.keys() if not name.startswith("kindred_user_net_")}
    assert not {name for name in left if name.partition(".")[0] in ("parts", "utils", "models")}
    assert sys.path == path and sys.modules["yaml"] is yaml


def test_a_network_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = list(sys.path)
    net = builders.build(repository(tmp_path, "forward", "x.no_such_thing()"), {})
    for _ in range(2):
        with pytest.raises(AttributeError):
            net(X)
        assert sys.path == path and "parts" not in sys.modules
    (tmp_path / "net.py").write_text("import parts\nraise KeyError('oh')\n")
    with pytest.raises(BadInput, match="cannot be imported: KeyError"):
        builders.build(f"python:{tmp_path / 'net.py'}:build", {})
    assert sys.path == path and "parts" not in sys.modules


def test_kindred_and_python_itself_are_never_hidden(tmp_path: Path) -> None:
    for name in ("kindred", "json", "parts"):
        (tmp_path / f"{name}.py").write_text("act = None\n")
    own = neighbours.Neighbours(tmp_path)
    with own.lent():
        import json

        import kindred

        assert hasattr(json, "loads") and "kindred" in str(kindred.__path__)
    assert not own.kept


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("function", "forward", "installed")])
def test_what_is_beside_a_file_counts_by_its_content(way: str, tmp_path: Path) -> None:
    place = repository(tmp_path, way, "x + 1").removeprefix("python:")
    (tmp_path / "unused.py").write_text("")
    files = PythonFacts({"python": place, "weights": "w.pt"}).files
    assert files[:2] == ["w.pt", str(tmp_path / "net.py")]
    assert set(files[2:]) == {str(tmp_path / name) for name in WAYS[way][0]}


def test_imports_inside_functions_and_of_parents_count(tmp_path: Path) -> None:
    texts = {
        "net.py": "def build():\n    from pkg.deep import one\n",
        "pkg/__init__.py": "",
        "pkg/deep/__init__.py": "",
        "pkg/deep/one.py": "from ..two import x\nfrom . import three",
        "pkg/two.py": "import no_such_module_anywhere",
        "pkg/deep/three.py": "this is no python",
        "pkg/four.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = neighbours.files(tmp_path / "net.py")
    assert found[0] == tmp_path / "net.py"
    assert set(found) == {tmp_path / name for name in texts if name != "pkg/four.py"}
    assert neighbours.files(tmp_path / "missing.py") == [tmp_path / "missing.py"]
