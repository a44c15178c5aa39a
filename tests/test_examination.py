"""What a model is asked as it enters a study; each kind of network that answers wrongly, in several forms."""

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from kindred.images.images import Images
from kindred.models import classifiers, examination
from kindred.workflow.errors import BadInput
from torch import Tensor, nn
from torch.nn import functional

CPU = torch.device("cpu")
DRAW = np.random.default_rng(0)
HELD_OUT = Images(
    DRAW.uniform(size=(40, 3, 8, 8)).astype(np.float32),
    DRAW.integers(0, 3, 40),
    [f"some/{i}" for i in range(40)],
    ["a", "b", "c"],
)


class Net(nn.Module):
    """A small network; `last` is what becomes of its features (n, 6) and logits (n, 3)."""

    def __init__(self, last: Callable[[Tensor, Tensor], Any] = lambda _, logits: logits, norm: bool = True) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, track_running_stats=norm)
        self.fc, self.last = nn.Linear(6, 3), last

    def forward(self, x: Tensor) -> Any:
        features = functional.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.last(features, self.fc(features))


def classifier(net: nn.Module, output: str | int | None = None) -> classifiers.Classifier:
    torch.manual_seed(0)
    about = classifiers.Description("x", 3, 3, 8, 8, (0.5,) * 3, (0.25,) * 3, output=output)
    return classifiers.Classifier(net, about).eval()


def examine(net: nn.Module, output: str | int | None = None) -> dict[str, Any]:
    return examination.examine("m", classifier(net, output), HELD_OUT, CPU)


def test_a_usual_network_has_no_remarks() -> None:
    assert examine(Net()) == {"no_gradient": 0.0, "gradients": 40, "remarks": []}


def _attention_over_the_batch(_: Tensor, logits: Tensor) -> Tensor:
    return logits + 0.1 * (logits @ logits.T).softmax(1) @ logits


REFUSED = {
    "dropout": (Net(lambda f, z: functional.dropout(z, 0.2, training=True)), "a second time"),
    "noise": (Net(lambda f, z: z + 0.05 * torch.randn(3)), "a second time"),
    "batch statistics": (Net(norm=False), "depends on the batch"),
    "centred over the batch": (Net(lambda f, z: z - 0.3 * z.mean(0)), "depends on the batch"),
    "attention over the batch": (Net(_attention_over_the_batch), "depends on the batch"),
    "a batch is needed": (Net(lambda f, z: nn.BatchNorm1d(3)(z)), "not one alone: ValueError"),
    "squeezed": (Net(lambda f, z: z.squeeze()), "depends on the batch, as"),
    "detached": (Net(lambda f, z: z.detach()), "no gradient through to the pixels"),
    "without grad": (torch.no_grad()(Net().eval().forward), "no gradient through to the pixels"),
    "not finite": (Net(lambda f, z: z / 0), "NaN or infinity"),
    "too many": (Net(lambda f, z: torch.cat([z, z], 1)), "returns 6 for each image, but the images have 3 classes"),
    "a number": (Net(lambda f, z: z[:, 0]), "returns one number for each image"),
    "of positions": (Net(lambda f, z: z[:, None].repeat(1, 4, 1)), "returns 4 x 3 for each image"),
    "another input": (nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), "does not take images of 3 channels and 8 x 8"),
}


class Wrapped(nn.Module):
    """A network whose forward is another function."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str) -> None:
    net, words = REFUSED[kind]
    with pytest.raises(BadInput, match=words) as caught:
        examine(net if isinstance(net, nn.Module) else Wrapped(net))
    assert str(caught.value).startswith("model 'm' ") and "\n" not in str(caught.value)


def test_no_gradient_of_a_constant_input() -> None:
    """The pixels do not enter: autograd knows of no path, although parameters have gradients."""
    net = Net().eval()
    with pytest.raises(BadInput, match="no gradient through"):
        examine(Wrapped(lambda x: net(x.detach())))


def test_probabilities_and_vanished_gradients_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert examine(Net(lambda f, z: z.softmax(1)))["remarks"] == ["its outputs are probabilities"]
    assert "returns probabilities" in caplog.text and "gradient is exactly zero" not in caplog.text
    caplog.clear()
    found = examine(Net(lambda f, z: (1e6 * z).softmax(1)))
    assert found["no_gradient"] > 0.9 and len(found["remarks"]) == 2
    assert "the gradient is exactly zero in all pixels" in caplog.text
    caplog.clear()
    # Large logits are no fault: their gradient is there, and only cross-entropy in float32 would lose it.
    assert examine(Net(lambda f, z: 1e6 * z)) == {"no_gradient": 0.0, "gradients": 40, "remarks": []}
    # Log-probabilities are logits.
    assert examine(Net(lambda f, z: z.log_softmax(1)))["remarks"] == []
    # The gradient of a part of the images.
    found = examine(Wrapped(lambda x: torch.where(x[:, :1, 0, 0] > 0, 0 * x[:, :3, 0, 0] + 1, x[:, :3, 0, 0])))
    share = float((HELD_OUT.pixels[:, 0, 0, 0] > 0.5).mean())
    assert found["no_gradient"] == pytest.approx(share) and 0.2 < share < 0.8


@dataclass
class Returned:
    features: Tensor
    scores: Tensor


Pair = namedtuple("Pair", "features scores")

FORMS = {
    "tuple": (lambda f, z: (f, z), 1),
    "list": (lambda f, z: [f, z], 1),
    "dict": (lambda f, z: {"features": f, "scores": z}, "scores"),
    "numbers as keys": (lambda f, z: {0: f, 1: z}, 1),
    "ordered": (lambda f, z: OrderedDict(features=f, scores=z), "scores"),
    "named tuple by name": (Pair, "scores"),
    "named tuple by number": (Pair, 1),
    "dataclass": (Returned, "scores"),
    "tensor all the same": (lambda f, z: z, 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_output_chooses_the_logits(form: str) -> None:
    last, output = FORMS[form]
    torch.manual_seed(1)
    net = Net(last)
    assert examine(net, output)["remarks"] == []
    pixels = torch.from_numpy(HELD_OUT.pixels[:3])
    found = classifier(net, output)(pixels)
    net.last = lambda f, z: z
    assert torch.equal(found, classifier(net)(pixels))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "tensor all the same"])
def test_a_missing_or_wrong_output_names_what_there_is(form: str) -> None:
    last, output = FORMS[form]
    with pytest.raises(BadInput, match=r"must return one tensor of logits; output chooses among .* \(16, 6\); .*16, 3"):
        examine(Net(last))
    wrong = 7 if isinstance(output, int) else "logits"
    with pytest.raises(BadInput, match=rf"^model 'm': output is {wrong!r}, but the network returns a .*chooses among"):
        examine(Net(last), wrong)
