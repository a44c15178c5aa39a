# Whether results are still what was written. It makes nothing.


localrules:
    verify,


rule verify:
    """Target: reads every store and file of weights among the results, lists the damaged and how to make them again."""
    log:
        "<logs>/verify.log",
    conda:
        "../envs/torch.yaml"
    params:
        results=str(RESULTS),
    script:
        "../scripts/verify.py"
