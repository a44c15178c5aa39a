"""Training budgets: what models were trained against, how it is written, and in which order.

Light to import, as the catalogue of figures asks which models were trained alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kindred.attacks.catalogue import NORMS

SAME = 1e-4  # relative: 8/255 and 0.03137 are one radius


@dataclass(frozen=True)
class Budget:
    """Training of a model: its name, and norm and radius (0: none) of what it was trained against."""

    label: str
    training: str
    norm: str
    eps: float


def written(norm: str, eps: float) -> str:
    """A ball, its radius as people choose it: 'ℓ∞ 0.05' for 0.05, 'ℓ∞ 8/255' for 0.03137."""
    short = math.isclose(float(f"{eps:.2g}"), eps, rel_tol=1e-9)
    whole = not short and abs(eps * 255 - round(eps * 255)) < 1e-3
    return f"{NORMS.get(norm, norm)} " + (f"{round(eps * 255)}/255" if whole else f"{eps:.5g}")


def budgets(trained: Iterable[tuple[str, str, Any, Any]]) -> dict[str, Budget]:
    """The budget of each model from (model, training, norm, eps); a missing norm or eps stands for none.

    Radii that agree to four digits are one. A model without a radius is called by the name of its training.
    Two trainings with one norm and radius are told apart by their names.
    """
    found: dict[str, tuple[str, str, float]] = {}
    for model, training, norm, eps in trained:
        size = float(eps) if eps and not math.isnan(float(eps)) else 0.0
        known = (other for _, at, other in found.values() if at == norm)
        size = next((other for other in known if math.isclose(other, size, rel_tol=SAME)), size)
        found[str(model)] = (str(training), str(norm) if size else "", size)
    balls = [(norm, eps) for _, norm, eps in set(found.values())]

    def label(training: str, norm: str, eps: float) -> str:
        if not eps:
            return training
        return written(norm, eps) if balls.count((norm, eps)) == 1 else f"{training} {written(norm, eps)}"

    return {model: Budget(label(*one), *one) for model, one in found.items()}


def of_models(models: Any) -> dict[str, Budget]:
    """The budget of each model of models.csv."""
    return budgets(zip(models["model"], models["training"], models["norm"], models["eps"], strict=True))


def in_order(given: Iterable[Budget]) -> list[Budget]:
    """Distinct budgets: those without a radius first, then by norm and growing radius."""
    # Sorting is stable: what ties keeps the order in which it was given.
    return sorted(dict.fromkeys(given), key=lambda one: (one.eps > 0, one.norm, one.eps))


def by_budget(names: Sequence[str], budget: Mapping[str, Budget]) -> list[str]:
    """Models grouped by budget (those without a radius first), within a group in the order given."""
    order = in_order(budget[name] for name in names)
    return sorted(names, key=lambda name: order.index(budget[name]))
