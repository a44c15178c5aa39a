"""Input gradients and their cosines: closed forms of linear models, and a float64 reference."""

import numpy as np
import pytest
import torch
from kindred.similarity.saliency import cosines, input_gradients
from kindred.workflow.errors import BadInput
from torch import nn

SHAPE = (2, 3, 3)


def linear(classes: int = 4, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(18, classes))


def images(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_gradient_of_a_linear_logit_is_its_row_of_weights() -> None:
    net, labels = linear(), torch.tensor([0, 3, 1, 1, 2])
    found = input_gradients(net, images(), labels, "logit")
    torch.testing.assert_close(found, net[1].weight.detach()[labels])


def test_gradient_of_cross_entropy_follows_from_the_probabilities() -> None:
    net, labels = linear(), torch.tensor([0, 3, 1, 1, 2])
    found = input_gradients(net, images(), labels, "cross_entropy")
    with torch.no_grad():
        share = net(images()).softmax(1) - nn.functional.one_hot(labels, 4)
    torch.testing.assert_close(found, share @ net[1].weight.detach())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_gradient_of_a_confident_model_agrees_with_float64() -> None:
    # The probability of the true class rounds to 1 in float32, which would lose half of the gradient.
    net = linear()
    with torch.no_grad():
        net[1].weight *= 60
        labels = net(images()).argmax(1)
    found = input_gradients(net, images(), labels, "cross_entropy").double()
    exact = input_gradients(net.double(), images().double(), labels, "cross_entropy")
    torch.testing.assert_close(
        found / found.norm(dim=1, keepdim=True), exact / exact.norm(dim=1, keepdim=True), atol=1e-5, rtol=1e-4
    )


def test_gradient_where_autograd_is_off() -> None:
    net, labels = linear(), torch.zeros(5, dtype=torch.long)
    with torch.inference_mode():
        found = input_gradients(net, images(), labels, "logit")
    torch.testing.assert_close(found, net[1].weight.detach()[labels])


def test_unknown_loss_is_an_error() -> None:
    with pytest.raises(BadInput, match="'hinge'; it must be one of logit, cross_entropy"):
        input_gradients(linear(), images(), torch.zeros(5, dtype=torch.long), "hinge")  # type: ignore[arg-type]


def test_cosines_of_all_pairs_image_by_image() -> None:
    draws = torch.Generator().manual_seed(2)
    gradients = [torch.randn(6, 50, generator=draws) for _ in range(3)]
    found = cosines(gradients).numpy()
    assert found.shape == (3, 3, 6)
    for a in range(3):
        for b in range(3):
            x, y = (gradients[i].numpy().astype(np.float64) for i in (a, b))
            expected = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
            np.testing.assert_allclose(found[a, b], expected, atol=1e-6)


def test_cosines_of_known_directions() -> None:
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    y = torch.tensor([[0.0, 3.0], [-5.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    found = cosines([x, y])[0, 1]
    torch.testing.assert_close(found[:3], torch.tensor([0.0, -1.0, 0.5**0.5]))
    assert found[3].isnan()


def test_cosines_do_not_depend_on_length() -> None:
    x = torch.randn(4, 30, generator=torch.Generator().manual_seed(3))
    found = cosines([x * 1e-30, x * 1e25])
    torch.testing.assert_close(found, torch.ones(2, 2, 4))


def test_cosines_of_different_images_pair_each_with_the_next() -> None:
    first, second = torch.randn(5, 7), torch.randn(5, 7)
    found = cosines([first, second], shift=1)
    expected = torch.nn.functional.cosine_similarity(first, second[[1, 2, 3, 4, 0]])
    torch.testing.assert_close(found[0, 1], expected)
    assert not torch.allclose(cosines([first, second])[0, 1], expected)
