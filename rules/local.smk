# What is light enough for a login node: targets (listed in the Snakefile), tables and figures take seconds and little
# memory. On a cluster they run where snakemake runs. Included last, since it looks at all rules.

workflow.localrules(*(rule.name for rule in workflow.rules if rule.name.startswith(("collect_", "draw_"))))
