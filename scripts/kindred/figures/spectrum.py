"""The number of groups: eigenvalues of the Laplacian, and agreement of k-means with itself over seeds."""

from matplotlib.ticker import MaxNLocator

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, listed, plural, signed

AFFINITIES = {"exp_sat": ("exp(SAT)", HUES[0]), "sat": ("SAT", HUES[1])}
SHOWN = 15  # eigenvalues
SIZE = (2.6, 2.0)  # inches


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Left: eigenvalues from the second on. Right: stability by number of groups. Lines mark those drawn."""
    eigenvalues = reading.require(tables, "eigenvalues", "affinity index eigenvalue")
    stability = reading.require(tables, "stability", "affinity count value low high seeds")
    count = int(reading.require(tables, "clusters", "cluster")["cluster"].max())
    looks: dict[str, Look] = {
        label: {"color": colour, "marker": "o", "markersize": 3} for label, colour in AFFINITIES.values()
    }
    page, (left, right) = chart.panels(style, [SIZE, SIZE], between=0.2, entries=looks, heading="affinity")
    # The second affinity is drawn finer, on top, or it would hide the first where both agree.
    for place, (affinity, (label, _)) in enumerate(AFFINITIES.items()):
        part = eigenvalues[(eigenvalues["affinity"] == affinity) & eigenvalues["index"].between(2, SHOWN)]
        left.plot(part["index"], part["eigenvalue"], **looks[label])
        runs = stability[stability["affinity"] == affinity]
        look = {**looks[label], "markersize": 4.5 - 2 * place, "linewidth": 1.6 - 0.8 * place}
        right.plot(runs["count"], runs["value"], **look)
    left.set(title="Eigenvalues", xlabel="eigenvalue, by rank", ylabel="eigenvalue of the Laplacian")
    right.set(title="Agreement over seeds", xlabel="groups", ylabel="mean adjusted Rand index")
    right.set_ylim(min([0.0, *reading.defined(stability["value"])]), 1.05)
    for axes, at in ((left, count + 0.5), (right, count)):
        axes.axvline(at, color=QUIET, linewidth=0.6, linestyle=chart.DASHED)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    here = stability[(stability["count"] == count) & stability["affinity"].isin(AFFINITIES)]
    known = here.dropna(subset=["value"]).set_index("affinity")
    parts = [f"{AFFINITIES[str(name)][0]} {bounded(row)}" for name, row in known.iterrows()]
    seeds = plural(int(stability["seeds"].max()), "run")
    stable = f"; their stability, with the interval over seeds: {listed(parts)}" if parts else ""
    text = (
        "Left: the smallest eigenvalues of the normalised Laplacian of the two affinities, without the "
        "first, which is 0; a jump after the k-th speaks for k groups. Right: mean adjusted Rand index over "
        f"all pairs of {seeds} of k-means that differ in their seed, which tells how far its random starts decide and "
        "nothing of other images or models. The broken line marks "
        f"the {plural(count, 'group')} drawn in clusters{stable}."
    )
    return page.figure, signed(text)
