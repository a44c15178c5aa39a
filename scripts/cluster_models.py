"""Cluster models by SAT: clusters, their stability, their agreement with known labels, and maps."""

import pandas as pd
from kindred.analyses import clusters, components, scores
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    names, most = list(found.models), min(10, len(found.models) - 1)
    spectra = {kind: clusters.spectrum(clusters.affinity(found.sat, kind)) for kind in clusters.AFFINITIES}
    chosen = spectra[settings["affinity"]]
    count = settings["count"] or clusters.largest_gap(chosen[0], most)

    rows, groups = [], {}
    for kind, (_, vectors) in spectra.items():
        for number in sorted({*range(2, most + 1), count}):
            runs = clusters.spectral(vectors, number, settings["seeds"], settings["starts"])
            groups[kind, number] = clusters.typical(runs)
            rows.append((kind, number, settings["seeds"], clusters.stability(runs)))
    stability = pd.DataFrame(rows, columns=["affinity", "count", "seeds", "stability"])
    spectral, tree = groups[settings["affinity"], count], clusters.hierarchical(found.sat, count)
    tables.write(snakemake.output.clusters, pd.DataFrame({"model": names, "cluster": spectral, "hierarchical": tree}))
    tables.write(snakemake.output.stability, stability)
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

    # Other partitions of the models: by the tree, and by each column of their tables.
    known = {"hierarchical": list(map(str, tree))}
    for path in (snakemake.input.get("components"), snakemake.input.get("models")):
        if path:
            about = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("model").loc[names]
            # Measurements are not labels.
            measured = [name for name in about if name == "parameters" or "accuracy" in name]
            known |= components.label_columns(about.drop(columns=measured))
    agreement = [
        (label, len(set(values)), clusters.rand(spectral, values), clusters.rand(tree, values))
        for label, values in known.items()
    ]
    tables.write(
        snakemake.output.labels,
        pd.DataFrame(agreement, columns=["label", "groups", "ari_spectral", "ari_hierarchical"]),
    )
    log.info("%d models in %d groups (%s)", len(names), count, settings["affinity"])
