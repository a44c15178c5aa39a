"""The copy that descents run on says what the classifier says, and is left alone where it would not."""

import pytest
import torch
from kindred.models.classifiers import Classifier, Description, assemble
from kindred.models.folding import Rounded, folded
from kindred.workflow.errors import BadInput
from torch import nn


class Twice(nn.Module):
    """A convolution whose output is normalised and also used as it is: nothing can be folded here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.head((self.norm(y) + y).mean((2, 3)))


class Activated(Twice):
    """The output of the convolution is changed in place before it is normalised."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x).relu_()).mean((2, 3)))


class Mixed(Twice):
    """Two convolutions, of which the second one's output is changed in place before it is normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.other = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.norm(self.conv(x)).relu()
        return self.head(self.other(self.second(first).relu_()).mean((2, 3)))


class Simple(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def lively(classifier: Classifier) -> Classifier:
    """Statistics and weights as after training, rather than those that change nothing."""
    torch.manual_seed(1)
    for module in classifier.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_()
    return classifier


def of(net: nn.Module) -> Classifier:
    return lively(Classifier(net, Description("here", 3, 1, 16, 16, (0.3,), (0.4,))))


def norms(classifier: Classifier) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in classifier.modules())


@pytest.mark.parametrize("architecture", ["test_resnet", "kindred_vgg", "test_convnext2", "test_efficientnet"])
def test_answers_and_gradients_are_those_of_the_classifier(architecture):
    torch.manual_seed(0)
    classifier = lively(assemble(Description(architecture, 5, 1, 32, 32, (0.3,), (0.4,)))).eval()
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    made = folded(classifier)
    assert norms(made) == 0 or norms(classifier) == 0
    shown = torch.rand(4, 1, 32, 32, requires_grad=True)
    found, truth = made(shown), classifier(shown)
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-5 * float(truth.detach().abs().max()))
    slopes = [torch.autograd.grad(answer[:, 0].sum(), shown)[0] for answer in (found, truth)]
    assert (slopes[0] - slopes[1]).abs().max() < 1e-3 * slopes[1].abs().max()
    assert all(torch.equal(value, before[key]) for key, value in classifier.state_dict().items())
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_what_is_used_elsewhere_or_changed_in_place_is_left_alone():
    for net, left in ((Simple(), 0), (Twice(), 1), (Activated(), 1), (Mixed(), 1)):
        classifier = of(net).eval()
        made = folded(classifier)
        assert norms(made) == left, type(net).__name__
        shown = torch.rand(3, 1, 16, 16)
        torch.testing.assert_close(made(shown), classifier(shown), rtol=1e-4, atol=1e-5)


class Layered(Mixed):
    """Two convolutions that can be folded; the second one has several channels, so that their order matters."""

    def last(self, x: torch.Tensor) -> torch.Tensor:
        return self.other(self.second(self.norm(self.conv(x)).relu()))


class Flat(Layered):
    """Its code needs channels first, as `view` does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.last(x)
        return self.head(y.view(len(y), -1).unflatten(1, (4, -1)).mean(2))


class Sensitive(Layered):
    """Its answer depends on the order of channels in memory."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.last(x)
        return self.head(y.mean((2, 3)) * (1 + (y.stride(1) == 1)))


@pytest.mark.parametrize(
    ("net", "said"), [(Flat, "channels last, as it fails"), (Sensitive, "as its logits change by")]
)
def test_what_fails_or_differs_is_left_out_and_the_rest_is_kept(net, said, caplog):
    classifier = of(net()).eval()
    with caplog.at_level("INFO", logger="kindred"):
        made = folded(classifier)
    assert said in caplog.text
    assert norms(made) == 0 and made.net.second.weight.is_contiguous()
    shown = torch.rand(3, 1, 16, 16)
    torch.testing.assert_close(made(shown), classifier(shown), rtol=1e-4, atol=1e-5)


def test_a_network_that_cannot_be_folded_still_gets_its_channels_last():
    made = folded(of(Mixed()).eval())
    assert norms(made) == 1 and made.net.second.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_network_in_training_mode_is_folded_as_in_evaluation():
    classifier = of(Simple()).train()
    made = folded(classifier)
    assert classifier.training and not made.training
    shown = torch.rand(3, 1, 16, 16)
    torch.testing.assert_close(made(shown), classifier.eval()(shown), rtol=1e-4, atol=1e-5)


def test_bfloat16_is_coarser_by_a_rounding():
    classifier = of(Simple()).eval()
    made = folded(classifier, "bfloat16")
    assert isinstance(made, Rounded)
    shown = torch.rand(8, 1, 16, 16)
    found, truth = made(shown), classifier(shown)
    assert found.dtype == torch.float32
    error = float((found - truth).detach().abs().max() / truth.detach().abs().max())
    assert 1e-5 < error < 0.03


def test_networks_that_cannot_compute_in_bfloat16_are_refused():
    class Stubborn(Simple):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + torch.linalg.det(torch.eye(3, dtype=x.dtype)[None])[:, None]

    with pytest.raises(BadInput, match="does not compute in bfloat16"):
        folded(of(Stubborn()), "bfloat16")
