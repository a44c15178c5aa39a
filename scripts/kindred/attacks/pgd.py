"""Projected gradient descent (Madry et al. 2018) in a ball of pixels or of JPEG coefficients.

In linf steps follow the sign of the gradient, in l2 its direction; optionally with the accumulated momentum of Dong et
al. 2018 (MI-FGSM), and with gradients taken at randomly resized and padded images (Xie et al. 2019).
"""

from dataclasses import dataclass, replace

from torch import Tensor

from kindred.attacks import jpeg
from kindred.attacks.balls import BallAttack
from kindred.attacks.perturbation import Objective, Seeds
from kindred.descent import descend


@dataclass(frozen=True, kw_only=True)
class Pgd(BallAttack):
    """Settings of PGD.

    step_size: in the units of eps; None stands for 2.5 eps / steps, enough to reach the border and walk along it.
    momentum: 0 for plain PGD, 1 for the setting of MI-FGSM.
    """

    step_size: float | None = None
    momentum: float = 0.0

    @property
    def step(self) -> float:
        """Length of a step, the default resolved."""
        return 2.5 * self.eps / self.steps if self.step_size is None else float(self.step_size)

    def scaled(self, factor: float) -> "Pgd":
        """The same attack with so many times the radius and step size; a linf radius is at most 1."""
        step = None if self.step_size is None else factor * self.step_size
        return replace(self, eps=self.limited(factor * self.eps), step_size=step)

    def single(self) -> "Pgd":
        """One step of length eps."""
        return single_step(self)

    def search(self, objective: Objective, images: Tensor, seeds: Seeds | None) -> Tensor:
        """The last iterate, (n, c, h, w); costs `steps` forward and backward passes."""
        if self.eps == 0:
            return images
        if self.norm == "jpeg":
            return jpeg.ascend(
                objective, images, self.noise(images, seeds) if seeds else None, self.eps, self.steps, self.step
            )
        raised = self.varied(objective, seeds)
        return descend(
            lambda x: -raised(x),
            self.start(images, seeds),
            steps=self.steps,
            step_size=self.step,
            direction="sign" if self.norm == "linf" else "unit",
            momentum=float(self.momentum),
            averaging="sum",
            project=self.ball(images),
            keep="last",
        ).images


def single_step(attack: BallAttack) -> Pgd:
    """One step of length eps from the images themselves (FGSM in linf, Goodfellow et al. 2015)."""
    return Pgd(norm=attack.norm, eps=attack.eps, steps=1, step_size=attack.eps, random_start=False, loss=attack.loss)


attack = Pgd.of
