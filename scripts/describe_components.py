"""Put the 13 components of every model's network into one table, from the user's table or from the network."""

import pandas as pd
from kindred.analyses import components, network_components
from kindred.models import storage
from kindred.models.importing import timm_hub
from kindred.tables import tables
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    entries = snakemake.params.entries
    given = components.read(snakemake.input.table) if snakemake.input.get("table") else None
    known = [name for name in entries if given is not None and name in given.index]
    built: dict[str, dict[str, str]] = {}
    rows = {name: dict(given.loc[name]) for name in known}
    for name in progress([name for name in entries if name not in rows], "networks"):
        # One of each design: models that differ only in their training have the same components.
        entry = entries[name]
        description = storage.describe(entry, snakemake.params.images, 10, timm_hub.outline(entry))
        if str(description) not in built:
            built[str(description)] = network_components.components(description)
        rows[name] = built[str(description)]
    if not entries:
        rows = {name: dict(given.loc[name]) for name in given.index}
    table = pd.DataFrame.from_dict(rows, orient="index")[list(components.COMPONENTS)]
    table.insert(0, "model", list(rows))
    tables.write(snakemake.output[0], table)
    log.info("%d models, of which %d from the user's table", len(rows), len(rows) - len(entries) + len(known))
