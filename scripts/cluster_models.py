"""Cluster models by SAT: clusters, their stability, and maps."""

import pandas as pd
from kindred.analyses import clusters, scores
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    names, most = list(found.models), clusters.most_groups(len(found.models))
    weights = {kind: clusters.affinity(found.sat, kind, settings["diagonal"]) for kind in clusters.AFFINITIES}
    # The affinity that was not chosen may leave a model without any; that must not be in the way of the other.
    kept = [kind for kind in weights if kind == settings["affinity"] or (weights[kind].sum(axis=1) > 0).all()]
    spectra = {kind: clusters.spectrum(weights[kind]) for kind in kept}
    count = settings["count"] or clusters.largest_gap(spectra[settings["affinity"]][0], most)

    rows, groups = [], {}
    for kind, (_, vectors) in spectra.items():
        for number in sorted({*range(2, most + 1), count}):
            runs = clusters.spectral(vectors, number, settings["seeds"], settings["starts"])
            groups[kind, number] = clusters.typical(runs)
            over = clusters.stability(runs)
            about = kind, settings["diagonal"], number
            rows.append((*about, over.value, over.low, over.high, 0.0, settings["seeds"]))
    columns = ["affinity", "diagonal", "count", "value", "low", "high", "null", "seeds"]
    tables.write(snakemake.output.stability, pd.DataFrame(rows, columns=columns))
    spectral, tree = groups[settings["affinity"], count], clusters.hierarchical(found.sat, count)
    tables.write(snakemake.output.clusters, pd.DataFrame({"model": names, "cluster": spectral, "hierarchical": tree}))
    eigenvalues = [
        (kind, index + 1, value, values[index + 1] - value if index + 1 < len(values) else None)
        for kind, (values, _) in spectra.items()
        for index, value in enumerate(values)
    ]
    tables.write(
        snakemake.output.eigenvalues, pd.DataFrame(eigenvalues, columns=["affinity", "index", "eigenvalue", "gap"])
    )
    maps = {"mds": clusters.mds(found.sat), "tsne": clusters.tsne(found.sat, settings["perplexity"], 0)}
    plane = [
        (method, name, *point) for method, points in maps.items() for name, point in zip(names, points, strict=True)
    ]
    tables.write(snakemake.output.map, pd.DataFrame(plane, columns=["method", "model", "x", "y"]))
    log.info("%d models in %d groups (%s)", len(names), count, settings["affinity"])
