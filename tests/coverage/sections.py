"""The sections of docs/coverage.md, each a function that simulates and returns a table.

To add one: a module with a function of `effort` (1: as in the document; less for tests) that returns a DataFrame with
the columns of `intervals.row` behind those that say what was simulated, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import attacks_that_transfer
import cka_of_images
import ensemble_gains
import gradient_cosines
import inverted_rows
import over_models
import over_sets
import pandas as pd
import principal_shares
import shares


@dataclass(frozen=True)
class Section:
    """A table of the document: its title, what was simulated, and the function that does it."""

    title: str
    text: str
    simulate: Callable[[float], pd.DataFrame]


TEN = """
Two layers of 20 features see 8 factors of an image. Ten classes are equally frequent; their means have a spread of 1
(overlapping) or 4 (apart) times that within a class. The true value is that of the population, in closed form, and the
same for both choices of images. A balanced choice with the estimator of independent images is shown to say what strata
are for; Kindred does not do that.
"""
HUNDRED = """
The same with 100 classes in as many directions, 200 features, and 5 or 10 images of each class, as in studies of
ImageNet.
"""
OTHERS = """
Biased CKA, and minibatch CKA of five batches in three passes, of the skewed populations with classes that lie apart.
Both are biased, so that the truth is not CKA of the population but the mean of the estimator at this number of images,
taken from all samples: the bias is 0 by definition. A balanced choice leaves each image out of its class.
"""
PRINCIPAL = """
The share of variance along the first of 20 principal components, whose features are independent and Gaussian or skewed
(exponential); the first has the standard deviation of all others, or twice or five times that of the second, and they
fall evenly. The truth is the mean of the share at this number of images, taken from all samples, so that the bias is 0
by definition. Where no direction is ahead, errors to first order are much too large.
"""
INVERTED = """
Debiased CKA of an inverter, whose features of an inverted image are those of its target, with a tested model, which
sees the target and the seed that the inversion started from in shares that make the true value; both with noise. The
population is that of pairs of a target and a seed of another class; its CKA is known in closed form, and the smallest
that the model can have stands for 0. Ten classes have means as far apart as images within a class. Seeds are images
that are no targets, each used once; or half as many, each used twice; or are drawn among the targets, as Kindred once
did. Three pairings of the same targets with other seeds are averaged as in the tables. Errors of the coverage are at
most 1.6 points for 50 and 100 targets and 3.5 for 500.
"""
SAT = """
SAT of two models on images that both get right, at the given rate of fooled images in each direction. An image fools if
how hard it is, how strong its perturbation is, and chance add up to enough, each with the same normal distribution; the
first two are shared by both directions. Half of the variance of how hard images are lies between ten classes. The true
value is that of the rate. Of 2,000 samples each, so that errors are at most 1.1 points.
"""
EXCESS = """
The same images and perturbations with those of other images put on them (null, by one or three shuffles) and with a
model's own attack (ceiling); rates are of the population, and differ in how much must add up. The true values are the
logarithm of fooled over null and the quotient of fooled and ceiling. Of 1,000 samples each, so that errors are at most
1.6 points. `none` is the share without a bound: where nothing was fooled, or excess is at the floor.
"""
SHARES = """
Shares of images: accuracy, transfer rates, agreement of stitched models. The truth is the share in the population. With
a random choice the count is binomial; with a balanced one it is the sum of ten classes, whose shares differ (by normal
quantiles, in probit units) and average to the truth. Counted exactly. Coverage of counts jumps as the share changes, so
it cannot be 95 % at each, and least where few images count or few do not.
"""
MODELS = """
The mean over all pairs of models; the mean over pairs of robust models less that of standard ones, half of the models
each; and the mean over pairs of one architecture less that of different ones, three models sharing one. The value of a
pair is what its two models bring, with a standard deviation of 1, and something of its own, of .25 (models dominate), 1
(equal), or 1 with .25 for models (pairs dominate), normal or skewed (exponential); where architectures dominate, models
of one bring the same, with a standard deviation of 1, and both others are .25. The truth is the mean over pairs of new
models, or of new architectures. Of 2,000 samples each, so that errors are at most 1.1 points, but where architectures
dominate. Kindred leaves out models, which speaks about other models of like architectures; leaving out whole
architectures, shown for contrast, speaks about other architectures too. Models of a study are seldom a random sample of
either, which no interval can mend.
"""
SETS = """
Pearson's correlation over all pairs of models of two quantities (as of ensembles' gains with SAT, or of measures with
SAT), and their partial correlation with a third one held fixed, which correlates by .5 with both. Quantities of models
and of pairs are Gaussian with the same correlations, so that the truth is that of each; standard deviations are as in
the section before. Of 500 samples each with 1,000 draws, so that errors are at most 2.2 points.
"""
GRADIENTS = """
The mean over images of the cosine of two models' input gradients, Student's t. Cosines are bell-shaped (beta
distributions) or one image in ten has another value than most: towards 1, or towards 0 where the mean is .9. Half of
what orders the cosines lies between ten classes. The truth is the mean of the population. Of 4,000 samples each, so
that errors are at most .8 points.
"""
GAINS = """
Accuracy of an ensemble of two, by the mean of their margins, less the mean accuracy of its members, or less its best
member, where that is chosen on one half of the images and compared with on the other. Both members have the accuracy
given, so the truth is the same for both and in closed form, and the best member is chosen among equals, the hardest
case. Their margins are Gaussian with a correlation of .3 (err apart) or .95 (alike). Of 4,000 samples each, so that
errors are at most .8 points.
"""
SECTIONS = [
    Section("Debiased CKA, ten classes", TEN.strip(), cka_of_images.ten_classes),
    Section("Debiased CKA, a hundred classes", HUNDRED.strip(), cka_of_images.hundred_classes),
    Section("Biased and minibatch CKA", OTHERS.strip(), cka_of_images.other_estimators),
    Section("Principal shares", PRINCIPAL.strip(), principal_shares.principal_intervals),
    Section("Debiased CKA on inverted images", INVERTED.strip(), inverted_rows.inverted_cka),
    Section("SAT", SAT.strip(), attacks_that_transfer.sat_intervals),
    Section("Excess of SAT, and share of the ceiling", EXCESS.strip(), attacks_that_transfer.excess_intervals),
    Section("Shares of images", SHARES.strip(), shares.wilson_intervals),
    Section("Means over pairs of models", MODELS.strip(), over_models.intervals_over_models),
    Section("Correlations over pairs of models", SETS.strip(), over_sets.intervals_of_correlations),
    Section("Cosines of input gradients", GRADIENTS.strip(), gradient_cosines.mean_intervals),
    Section("Gains of ensembles", GAINS.strip(), ensemble_gains.gain_intervals),
]
