# What SAT is good for (Hwang et al. 2024). Analyses are made from tables, the user's own as well as the study's.


rule hwang2024:
    """Target: every analysis of SAT, after Hwang et al. 2024."""
    input:
        lambda wildcards: demand_sat(),
        drawn("clusters"),
        drawn("spectrum"),
        drawn("map"),
        drawn("components") if WITH_COMPONENTS else [],
        drawn("ensembles") if WITH_MODELS else [],
        drawn("measures") if WITH_MODELS else [],
        drawn("attacks") if WITH_MODELS and len(ATTACKS) > 1 else [],
        drawn("quality") if WITH_MODELS else [],
        drawn("distillation") if TEACHERS else [],
        drawn("variation") if WITH_MODELS else [],


rule describe_components:
    input:
        **({"table": ancient(COMPONENT_TABLE)} if COMPONENT_TABLE else {}),
    output:
        "<results>/tables/components.csv",
    log:
        "<logs>/describe_components.log",
    conda:
        "../envs/torch.yaml"
    params:
        entries=component_entries(),
        images=input_settings(),
        made=lambda wildcards: made_analysis("describe_components"),
    script:
        "../scripts/describe_components.py"


rule cluster_models:
    input:
        sat=lambda wildcards: sat_table(),
        components=lambda wildcards: analysis("describe_components", "components") if WITH_COMPONENTS else [],
        models=lambda wildcards: table("models") if WITH_MODELS else [],
    output:
        clusters="<results>/tables/clusters.csv",
        stability="<results>/tables/stability.csv",
        eigenvalues="<results>/tables/eigenvalues.csv",
        labels="<results>/tables/labels.csv",
        map="<results>/tables/map.csv",
    log:
        "<logs>/cluster_models.log",
    conda:
        "../envs/figures.yaml"
    params:
        attack=SAT_ATTACK,
        settings=canonical(SAT["clusters"]),
        made=lambda wildcards: made_analysis("cluster_models"),
    script:
        "../scripts/cluster_models.py"


rule explain_sat:
    input:
        sat=lambda wildcards: sat_table(),
        components=lambda wildcards: analysis("describe_components", "components"),
    output:
        importance="<results>/tables/importance.csv",
        regression="<results>/tables/regression.csv",
    log:
        "<logs>/explain_sat.log",
    conda:
        "../envs/figures.yaml"
    params:
        attack=SAT_ATTACK,
        settings=component_settings(),
        made=lambda wildcards: made_analysis("explain_sat"),
    script:
        "../scripts/explain_sat.py"


rule evaluate_ensembles:
    input:
        sat=lambda wildcards: sat_table(),
        activations=lambda wildcards: activations_of(MODELS, "natural"),
    output:
        ensembles="<results>/tables/ensembles.csv",
        gains="<results>/tables/ensemble_gains.csv",
        choice="<results>/tables/ensemble_choice.csv",
    log:
        "<logs>/evaluate_ensembles.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        attack=SAT_ATTACK,
        settings=canonical(SAT["ensembles"]),
        made=lambda wildcards: made_analysis("evaluate_ensembles"),
    script:
        "../scripts/evaluate_ensembles.py"


rule compare_measures:
    input:
        sat=lambda wildcards: sat_table(),
        cka=lambda wildcards: table("cka"),
        activations=lambda wildcards: activations_of(MODELS, "natural"),
        gradients=lambda wildcards: table("gradients") if GRADIENT_LOSS else [],
    output:
        pairs="<results>/tables/pairs.csv",
        mantel="<results>/tables/mantel.csv",
    log:
        "<logs>/compare_measures.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        attacks=ATTACKS,
        cka=SAT_CKA,
        loss=GRADIENT_LOSS,
        settings=canonical(SAT["measures"]),
        made=lambda wildcards: made_analysis("compare_measures"),
    script:
        "../scripts/compare_measures.py"


rule collect_variation:
    input:
        sat=lambda wildcards: sat_table(),
    output:
        "<results>/tables/variation.csv",
    log:
        "<logs>/collect_variation.log",
    conda:
        "../envs/figures.yaml"
    params:
        entries=variation_entries(),
        attack=SAT_ATTACK,
        made=lambda wildcards: made_analysis("collect_variation"),
    script:
        "../scripts/collect_variation.py"


rule assess_attacks:
    input:
        natural=lambda wildcards: natural_images(),
        models=lambda wildcards: weights(GROUPS[int(wildcards.group)]),
    output:
        "<results>/quality/{attack}/{group}.csv",
    log:
        "<logs>/assess_attacks/{attack}/{group}.log",
    benchmark:
        "<benchmarks>/assess_attacks/{attack}/{group}.tsv"
    wildcard_constraints:
        group=r"\d+",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        settings=lambda wildcards: attack_settings(wildcards.attack),
        images=min(SAT["quality"]["images"], config["images"]["evaluation"]),
        made=lambda wildcards: made_quality(wildcards.attack, int(wildcards.group)),
    script:
        "../scripts/assess_attacks.py"


rule collect_quality:
    input:
        lambda wildcards: quality_tables(),
    output:
        "<results>/tables/quality.csv",
    log:
        "<logs>/collect_quality.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        attack=SAT_ATTACK,
        made=lambda wildcards: made_analysis("collect_quality"),
    script:
        "../scripts/collect_quality.py"


rule distil_students:
    input:
        training=lambda wildcards: training_images(),
        natural=lambda wildcards: natural_images(),
        teacher=lambda wildcards: weights([wildcards.model]),
        students=lambda wildcards: weights(students_of(wildcards.model)),
    output:
        "<results>/distillation/{model}.csv",
    log:
        "<logs>/distil_students/{model}.log",
    benchmark:
        "<benchmarks>/distil_students/{model}.tsv"
    wildcard_constraints:
        model=one_of(TEACHERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=240,
    params:
        settings=distillation_settings(),
        students=lambda wildcards: {
            student: model_settings(student) for student in students_of(wildcards.model)
        },
        images=input_settings(),
        made=lambda wildcards: made_taught(wildcards.model),
    script:
        "../scripts/distil_students.py"


rule collect_distillation:
    input:
        sat=lambda wildcards: sat_table(),
        taught=lambda wildcards: taught_tables(),
    output:
        "<results>/tables/distillation.csv",
    log:
        "<logs>/collect_distillation.log",
    conda:
        "../envs/figures.yaml"
    params:
        attack=SAT_ATTACK,
        made=lambda wildcards: made_analysis("collect_distillation"),
    script:
        "../scripts/collect_distillation.py"
