"""Stitching: a case solved by hand, numpy's least squares, dependent activations, agreement by case."""

import numpy as np
import pytest
import torch
from kindred.similarity.stitching import CASES, NAMES, agreement, answers, decompose, fit, stitched
from torch import Tensor


def draw(n: int, p: int, seed: int) -> Tensor:
    return torch.randn(n, p, generator=torch.Generator().manual_seed(seed))


def test_a_line_through_three_points_by_hand() -> None:
    # a = 0, 1, 2 and b = 1, 3, 8: slope sum(da db) / sum(da^2) = 7 / 2, intercept 4 - 7 / 2 = 1 / 2.
    body, head = decompose(torch.tensor([[0.0], [1.0], [2.0]])), torch.tensor([[1.0], [3.0], [8.0]])
    weight, bias = fit(body, head)
    assert weight.item() == pytest.approx(3.5) and bias.item() == pytest.approx(0.5)
    # A head with the logits (b - 4, 4 - b) predicts class 0 where b > 4, that is a > 1.
    final = torch.tensor([[1.0], [-1.0]]), torch.tensor([-4.0, 4.0])
    logits = stitched(torch.tensor([[0.9], [1.1]]), fit(body, answers(head, final)))
    torch.testing.assert_close(logits[:, 0], torch.tensor([3.65 - 4, 4.35 - 4], dtype=torch.float64))
    assert logits.argmax(1).tolist() == [1, 0]


def test_fit_is_least_squares_with_an_intercept() -> None:
    a, b = draw(60, 7, 0) + 3, draw(60, 4, 1)
    weight, bias = fit(decompose(a), b)
    wide = np.hstack([a.numpy().astype(np.float64), np.ones((60, 1))])
    expected = np.linalg.lstsq(wide, b.numpy().astype(np.float64), rcond=None)[0]
    np.testing.assert_allclose(weight, expected[:-1], atol=1e-10)
    np.testing.assert_allclose(bias, expected[-1], atol=1e-10)


def test_fitted_logits_are_the_last_map_of_fitted_activations() -> None:
    a, b, shown = draw(60, 7, 0) + 3, draw(60, 9, 1), draw(20, 7, 2)
    final = draw(4, 9, 3), draw(1, 4, 4)[0]
    weight, bias = fit(decompose(a), b)
    expected = (shown.double() @ weight + bias) @ final[0].double().T + final[1].double()
    torch.testing.assert_close(stitched(shown, fit(decompose(a), answers(b, final))), expected)


def test_affine_relation_is_fitted_exactly() -> None:
    a = draw(50, 6, 0)
    b = a.double() @ draw(6, 9, 1).double() + draw(1, 9, 2).double()
    held_out = draw(20, 6, 3)
    weight, bias = fit(decompose(a), b)
    expected = held_out.double() @ draw(6, 9, 1).double() + draw(1, 9, 2).double()
    torch.testing.assert_close(held_out.double() @ weight + bias, expected)


@pytest.mark.parametrize("kind", ["dead", "copied", "few"])
def test_linearly_dependent_activations_give_the_map_of_least_norm(kind: str) -> None:
    a, b = draw(30, 8, 0), draw(30, 3, 1)
    if kind == "dead":
        a[:, 5] = 2.5
    elif kind == "copied":
        a[:, 5] = a[:, 1] + a[:, 2]
    else:
        a, b = a[:5], b[:5]
    weight, bias = fit(decompose(a), b)
    assert weight.isfinite().all() and weight.abs().max() < 50
    centred = a.double() - a.double().mean(0)
    expected = torch.linalg.pinv(centred, rtol=1e-7) @ (b.double() - b.double().mean(0))
    torch.testing.assert_close(weight, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(a.double().mean(0) @ weight + bias, b.double().mean(0))


def test_constant_body_gives_the_mean_of_the_head() -> None:
    weight, bias = fit(decompose(torch.ones(6, 4)), draw(6, 3, 1))
    assert (weight == 0).all()
    torch.testing.assert_close(bias, draw(6, 3, 1).double().mean(0))


def test_agreement_by_case() -> None:
    #         both right | same wrong | head right | body right | differ, both wrong
    labels = torch.tensor([0, 1, 2, 0, 0, 1, 2, 0])
    body = torch.tensor([0, 1, 2, 1, 1, 0, 2, 1])
    head = torch.tensor([0, 1, 2, 1, 0, 1, 0, 2])
    predicted = torch.tensor([0, 1, 1, 1, 0, 0, 0, 1])
    agreed, counts = agreement(predicted, body, head, labels)
    assert dict(zip(NAMES, counts.tolist(), strict=True)) == {
        "both_right": 3,
        "both_wrong_same": 1,
        "body_wrong_head_right": 2,
        "body_right_head_wrong": 1,
        "both_wrong_differ": 1,
    }
    assert agreed.tolist() == [2, 1, 1, 1, 0]


def test_every_image_is_in_exactly_one_case() -> None:
    draws = torch.Generator().manual_seed(4)
    labels, body, head, predicted = (torch.randint(0, 4, (500,), generator=draws) for _ in range(4))
    agreed, counts = agreement(predicted, body, head, labels)
    assert counts.sum() == 500 and (counts > 0).all() and (agreed <= counts).all()
    assert len(CASES) == len(counts) == 5
