# What the study says on the claims of the papers (docs/claims.md). It needs the tables of all of their targets.

from kindred.claims.catalogue import CLAIMS, MODULES
from kindred.tables.catalogue import claims_of

TOLD = claims_of(config)
CLAIM_TABLES = sorted({name for claim in TOLD for name in CLAIMS[claim].tables})


localrules:
    collect_claims,


rule claims:
    """Target: the claims of the three papers, and what this study says on each, as a table and a figure."""
    input:
        lambda wildcards: demand("claims"),
        drawn("claims"),


rule collect_claims:
    input:
        [table(name) for name in CLAIM_TABLES],
    output:
        "<results>/tables/claims.csv",
    log:
        "<logs>/collect_claims.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_claims", sorted({MODULES[CLAIMS[claim].paper] for claim in TOLD})),
        claims=TOLD,
        tables=CLAIM_TABLES,
    script:
        "../scripts/collect_claims.py"
