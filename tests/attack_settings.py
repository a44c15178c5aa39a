"""Settings of attacks in balls, as short as tests need them."""

from typing import Any

from kindred.attacks.apgd import Apgd
from kindred.attacks.balls import BallAttack
from kindred.attacks.pgd import Pgd


def attack(
    norm: str, eps: float, steps: int = 10, step_size: float | None = None, random_start: bool = True, **more: Any
) -> BallAttack:
    """PGD, or APGD where `method` is apgd."""
    method = more.pop("method", "pgd")
    settings = {"norm": norm, "eps": eps, "steps": steps, "random_start": random_start, **more}
    return Apgd(**settings) if method == "apgd" else Pgd(step_size=step_size, **settings)
