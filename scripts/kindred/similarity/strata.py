"""Unbiased HSIC of images that were drawn class by class, as another centring of packed Gram matrices.

The unbiased HSIC of Song et al. 2012 assumes independent images. Where every class has a fixed number of them, the
class of one image says something about that of another, and it is biased (CKA .53: by -.04 with 5 images in each of
10 classes). Here images are independent within their class alone, and what is estimated is HSIC in the mixture of all
classes with equal weights: w_c = 1 / C over the C classes that are present. Replacing means over distinct images by
means over distinct images of given classes, m_c of class c, in the U-statistic of order 4 gives the unbiased
estimator

    N(K, L) = sum_ab w_a w_b <K_ij L_ij> - 2 sum_abc w_a w_b w_c <K_ij L_ir> + sum_abcd w_a w_b w_c w_d <K_ij L_qr>,

where <> is the mean over distinct images i, j, r, q of the classes a, b, c, d in the order of letters (q of c and r
of d in the last). It does not change when x_i + x_j is added to K_ij. So K can be centred such that for every i the
mean of K_ij over classes, of the means over images j of a class, is 0. For such K and L all that is not of one block
(a, b) cancels, and N is a sum over blocks that is diagonal in a block's mean, its effects of rows and of columns, and
the rest, with factors

    block (a, b), a != b, over w_a w_b, with v_a = w_a / (m_a - 1):
        mean 1, rows 1 + v_a, columns 1 + v_b, rest 1 + v_a + v_b + 2 v_a v_b,
    block (a, a), over w^2, with m = m_a and w = w_a:
        mean 1, rows and columns 1 + w m / ((m-1) (m-2)) - 2 w^2 / ((m-1)^2 (m-2)),
        rest 1 + 2 w / (m-2) + 2 w^2 / ((m-2) (m-3)).

All are positive, so with the parts of K times the roots of their factors N(K, L) is the inner product of two
matrices: rows of `gram.Grams` again, with which everything in `cka.py` goes on as it does with those of independent
images. With one class it is U-centring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from kindred.workflow.errors import BadInput

FEWEST = 5  # images of a class: 4 for the estimator, one more to leave out in the jackknife


@dataclass(frozen=True, eq=False)
class Strata:
    """The classes of n images that were drawn class by class.

    labels: (n,) int64, from 0 to C - 1, each with at least 4 images; counts: (C,) float64.
    """

    labels: Tensor
    counts: Tensor

    @cached_property
    def members(self) -> Tensor:
        """(n, C) float32, 1 where an image is of a class."""
        return torch.nn.functional.one_hot(self.labels, len(self.counts)).float()

    def to(self, device: torch.device) -> Strata:
        """The same on a device."""
        if self.labels.device == device:
            return self
        return Strata(self.labels.to(device), self.counts.to(device))

    def of(self, images: Tensor) -> Strata:
        """Those of some of the images, given by their indices."""
        return strata_of(self.labels[images.to(self.labels.device)], fewest=1)

    def means(self, values: Tensor) -> Tensor:
        """Means (..., C) over the images of each class, of values (..., n) in float64."""
        return values @ self.members.double() / self.counts

    def centred(self, values: Tensor) -> Tensor:
        """Values (..., n) in float64 minus the means of their classes."""
        return values - self.means(values)[..., self.labels]

    def deleted(self, sums: Tensor) -> Tensor:
        """n (n - 3) N with each image left out, (..., n), from c_i = sum_j A_ij B_ij, (..., n), of `cka.jackknife`.

        The mean over the images of a class is that of all images, as for every U-statistic, and the deviations from
        it are 2 k (c_i - mean of the class) with k = m/(m-1) (1 + w/(m-2) + w^2 m/((m-2) (m-4))): from leaving out
        an image of the first sum, blocks of the class with others and with itself, and exact for one class. With
        more it is a projection. Standard errors differ from those of leaving out images by about 1 % for 10 classes
        of 5 or more images, and are up to 10 % too large for 2 to 5 classes of 5 to 8 images
        (tests/test_strata.py).
        """
        w, m = 1 / len(self.counts), self.counts
        factors = m / (m - 1) * (1 + w / (m - 2) + w**2 * m / ((m - 2) * (m - 4)))
        return sums.sum(dim=-1, keepdim=True) - 2 * factors[self.labels] * self.centred(sums)

    def spread(self, values: Tensor) -> Tensor:
        """Stratified jackknife error (...,): the root of sum_c (m_c - 1)/m_c sum_i (value_i - mean of its class)^2."""
        share = ((self.counts - 1) / self.counts)[self.labels]
        return (self.centred(values).square() * share).sum(dim=-1).sqrt()

    def spread_of_all(self, values: Tensor) -> Tensor:
        """The same (...,) for statistics of all images alike, with an image left out of the whole (..., n).

        The class of that image then weighs less, by which its deviation is too small: a mean changes by (x_i - mean) /
        (n-1), where its class, kept at its share m/n, would change it by m/n (x_i - mean of the class) / (m-1).
        """
        n, m = len(self.labels), self.counts
        factor = (n - 1) * m / (n * (m - 1).clamp_min(1))
        return self.spread(self.centred(values) * factor[self.labels])

    def centring(self, sums: Tensor) -> Centring:
        """The centring of a kernel of which sums (n, C) float64 are those over the other images of each class."""
        labels, m, n = self.labels, self.counts, len(self.labels)
        classes = len(m)
        w = torch.full_like(m, 1 / classes)
        v = w / (m - 1)
        own = self.members.double()
        others = m - own  # (n, C): the images of a class that are not the one of the row
        rows = sums / others
        # The additive part: x_i (1 - v_a) + g + v_a mean_a(x) = r_i, where r_i is the weighted mean of the row.
        r = rows @ w
        g = (self.means(r) @ w) / 2
        middle = self.means(r) - g
        x = (r - g - (v * middle)[labels]) / (1 - v[labels])
        rows = rows - x[:, None] - (middle * m - own * x[:, None]) / others
        mean = self.means(rows.T).T  # (C, C): of each block
        # Roots of the factors: of a block's mean, of its rows (a of block (a, b)), and of the rest.
        row = (1 + v)[:, None].repeat(1, classes)
        rest = 1 + v[:, None] + v + 2 * v[:, None] * v
        row.diagonal().copy_(1 + w * m / ((m - 1) * (m - 2)) - 2 * w**2 / ((m - 1) ** 2 * (m - 2)))
        rest.diagonal().copy_(1 + 2 * w / (m - 2) + 2 * w**2 / ((m - 2) * (m - 3)))
        by_row = 1 - (row / rest).sqrt()
        by_mean = 1 - (1 / rest).sqrt()
        # In the block of a class with itself a row's own entry is missing from its mean.
        effect = (rows - mean[labels]) * torch.where(own > 0, ((m - 1) / (m - 2))[labels, None], 1.0)
        shift = x[:, None] + by_row[labels] * effect + by_mean[labels] * mean[labels] / 2
        pairs = m[:, None] * m
        pairs.diagonal().copy_(m * (m - 1))
        scale = (rest * w[:, None] * w * n * (n - 3) / pairs).sqrt()
        return Centring(shift.float(), scale.float(), labels)


@dataclass(frozen=True, eq=False)
class Centring:
    """What turns a packed kernel into one whose inner products are n (n - 3) N.

    shift: (n, C) float32, subtracted from entry (i, j) at [i, class of j] and at [j, class of i]; scale: (C, C)
    float32."""

    shift: Tensor
    scale: Tensor
    labels: Tensor

    def apply(self, lo: int, hi: int, piece: Tensor) -> None:
        """Centre the packed block row of images lo to hi - 1 against images lo to n - 1 in place."""
        above, right = self.labels[lo:hi], self.labels[lo:]
        shift = self.shift[lo:hi][:, right] + self.shift[lo:][:, above].T
        shift[:, hi - lo :] *= math.sqrt(2)
        piece.sub_(shift).mul_(self.scale[above][:, right])
        piece.diagonal().zero_()


def strata_of(labels: ArrayLike | Tensor, fewest: int | None = None) -> Strata:
    """The strata of images with these labels (n,). Raises BadInput where a class has fewer than `fewest` (5) images."""
    allowed = FEWEST if fewest is None else fewest
    found, index, counts = torch.unique(torch.as_tensor(labels), return_inverse=True, return_counts=True)
    if int(counts.min()) < allowed:
        least = int(counts.argmin())
        raise BadInput(
            f"images.choice is balanced, but of the {len(index)} images compared only {int(counts[least])} are of "
            f"class {int(found[least])}, and debiased measures need at least {allowed} of each of the {len(found)} "
            "classes; compare more images, or draw them with `choice: random`."
        )
    return Strata(index, counts.double())
