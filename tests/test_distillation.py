"""Distillation: both losses by hand, the limits of the soft one, and a teacher that teaches and stays as it is."""

import numpy as np
import pytest
import torch
from kindred.training import loop
from kindred.training.distillation import distilled, taught
from torch import nn

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1]], dtype=torch.float64)
TEACHER = torch.tensor([[0.0, 3.0, 1.0], [4.0, 0.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def test_hard_by_hand() -> None:
    logs = np.log(softmax(LOGITS.numpy()))
    labels, said = -logs[[0, 1], [0, 2]].mean(), -logs[[0, 1], [1, 0]].mean()
    assert float(distilled(LOGITS, LABELS, TEACHER, "hard", 3, 0.1)) == pytest.approx((labels + said) / 2)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_soft_by_hand(temperature: float, share: float) -> None:
    own, theirs = (softmax(values.numpy() / temperature) for values in (LOGITS, TEACHER))
    apart = (theirs * np.log(theirs / own)).sum(1).mean()
    labels = -np.log(softmax(LOGITS.numpy()))[[0, 1], [0, 2]].mean()
    expected = (1 - share) * labels + share * temperature**2 * apart
    assert float(distilled(LOGITS, LABELS, TEACHER, "soft", temperature, share)) == pytest.approx(expected)


def test_a_student_that_agrees_pays_nothing() -> None:
    assert float(distilled(TEACHER + 5, LABELS, TEACHER, "soft", 2.0, 1.0)) == pytest.approx(0, abs=1e-12)


def test_a_student_learns_its_teachers_mistakes_and_the_teacher_nothing() -> None:
    """Labels are one thing, the teacher says another: the student ends up between, or with the teacher alone."""
    torch.manual_seed(0)
    images = torch.rand(96, 1, 4, 4)
    labels = (images[:, 0, 0, 0] > 0.5).long()
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        teacher[1].weight.zero_()
        teacher[1].weight[1, 5], teacher[1].weight[0, 5] = 40.0, -40.0
        teacher[1].bias.copy_(torch.tensor([40.0, -40.0]) / 2)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    recipe = {"method": "standard", "epochs": 40, "batch": 32, "lr": 0.1, "weight_decay": 0.0, "clip": 10.0}
    agreement = {}
    for share in (0.0, 1.0):
        torch.manual_seed(1)
        student = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
        loss = taught(teacher.eval(), "soft", 1.0, share)
        loop.train(student, images.numpy(), labels.numpy(), recipe, 0, torch.device("cpu"), loss)
        agreement[share] = float((student(images).argmax(1) == teacher(images).argmax(1)).float().mean())
    assert agreement[1.0] > 0.95
    assert agreement[0.0] < 0.7
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
