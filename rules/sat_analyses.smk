# Analyses of SAT (Hwang et al. 2024), made from tables: the study's own, or one that the user brings.

from kindred.figures.choices import sat_attack

SAT = config["sat"]
SAT_ATTACK = sat_attack(config)
# What stands beside SAT, of several that a study may have: the first CKA, and the first loss of its gradients.
SAT_CKA = next((name for name in config["similarity"]["measures"] if name.startswith("cka")), None)
GRADIENT_LOSS = config["gradients"]["losses"][0] if config["gradients"] else None
COMPONENT_TABLE = SAT["components"]["table"]
SAT_CONTENT = content_of(config["similarity"]["external"])
# A table made elsewhere is analysed by itself: no model of the study has to be there.
SAT_MODELS = [] if config["similarity"]["external"] else MODELS
WITH_COMPONENTS = bool(SAT_MODELS) or COMPONENT_TABLE is not None
DISTILLATION = SAT["distillation"] if SAT_MODELS and SAT["distillation"] else {}
STUDENTS = DISTILLATION.get("students", [])
TEACHERS = [teacher for teacher in DISTILLATION.get("teachers", []) if set(STUDENTS) - {teacher}]
# What decides the network of a model.
DESIGN = ("architecture", "arguments", "mean", "std", "input_size", "timm")


localrules:
    collect_variation,
    collect_quality,
    collect_distillation,


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
        **uses("describe_components"),
        entries=entries_of(DESIGN),
        images=input_settings(),
        content=content_of(COMPONENT_TABLE),
    script:
        "../scripts/describe_components.py"


rule cluster_models:
    input:
        sat=table("sat"),
    output:
        clusters="<results>/tables/clusters.csv",
        stability="<results>/tables/stability.csv",
        eigenvalues="<results>/tables/eigenvalues.csv",
        map="<results>/tables/map.csv",
    log:
        "<logs>/cluster_models.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("cluster_models"),
        attack=SAT_ATTACK,
        settings=settings_of("clusters", "affinity", "diagonal", "count", "seeds", "starts", "perplexity"),
        content=SAT_CONTENT,
    script:
        "../scripts/cluster_models.py"


rule compare_clusters:
    input:
        sat=table("sat"),
        clusters=table("clusters"),
        components=table("components") if WITH_COMPONENTS else [],
        models=table("models") if SAT_MODELS else [],
        tiles=tile_stores("transfer", ATTACKS, ORDERED_TILES) if SAT_MODELS else [],
    output:
        labels="<results>/tables/labels.csv",
        sensitivity="<results>/tables/sensitivity.csv",
    log:
        "<logs>/compare_clusters.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("compare_clusters"),
        attack=SAT_ATTACK,
        attacks=ATTACKS if SAT_MODELS else [],
        floor=config["transfer"]["floor"],
        settings=settings_of("clusters", "affinity", "diagonal", "seeds", "starts", "draws", "seed"),
        content=SAT_CONTENT,
    script:
        "../scripts/compare_clusters.py"


rule explain_sat:
    input:
        sat=table("sat"),
        components=table("components"),
        models=table("models") if SAT_MODELS else [],
    output:
        importance="<results>/tables/importance.csv",
        regression="<results>/tables/regression.csv",
    log:
        "<logs>/explain_sat.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("explain_sat"),
        attack=SAT_ATTACK,
        settings=canonical({key: value for key, value in SAT["components"].items() if key != "table"}),
        content=SAT_CONTENT,
    script:
        "../scripts/explain_sat.py"


rule evaluate_ensembles:
    input:
        sat=table("sat"),
        activations=activations_of(SAT_MODELS),
    output:
        ensembles="<results>/tables/ensembles.csv",
        gains="<results>/tables/ensemble_gains.csv",
        choice="<results>/tables/ensemble_choice.csv",
    log:
        "<logs>/evaluate_ensembles.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("evaluate_ensembles"),
        models=SAT_MODELS,
        attack=SAT_ATTACK,
        settings=canonical(SAT["ensembles"]),
    script:
        "../scripts/evaluate_ensembles.py"


rule compare_measures:
    input:
        sat=table("sat"),
        cka=table("cka"),
        activations=activations_of(SAT_MODELS),
        gradients=table("gradients") if GRADIENT_LOSS else [],
    output:
        pairs="<results>/tables/pairs.csv",
        mantel="<results>/tables/mantel.csv",
    log:
        "<logs>/compare_measures.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("compare_measures"),
        models=SAT_MODELS,
        attacks=ATTACKS,
        cka=SAT_CKA,
        loss=GRADIENT_LOSS,
        settings=canonical(SAT["measures"]),
    script:
        "../scripts/compare_measures.py"


rule collect_variation:
    input:
        sat=table("sat"),
    output:
        variation="<results>/tables/variation.csv",
        variation_means="<results>/tables/variation_means.csv",
    log:
        "<logs>/collect_variation.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_variation"),
        entries=entries_of(("architecture", "arguments", "input_size", "recipe", "trained")),
        attack=SAT_ATTACK,
    script:
        "../scripts/collect_variation.py"


rule assess_attacks:
    input:
        natural="<results>/images/natural.zarr",
        models=lambda wildcards: weights(GROUPS[int(wildcards.group)]),
    output:
        "<results>/quality/{attack}/{group}.csv",
    log:
        "<logs>/assess_attacks/{attack}/{group}.log",
    benchmark:
        "<benchmarks>/assess_attacks/{attack}/{group}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        **uses("assess_attacks", attack_module),
        settings=lambda wildcards: attack_settings(wildcards.attack),
        images=min(SAT["quality"]["images"], config["images"]["evaluation"]),
        models=lambda wildcards: GROUPS[int(wildcards.group)],
    script:
        "../scripts/assess_attacks.py"


rule collect_quality:
    input:
        [f"<results>/quality/{SAT_ATTACK}/{number}.csv" for number in GROUPS],
    output:
        "<results>/tables/quality.csv",
    log:
        "<logs>/collect_quality.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_quality"),
        models=SAT_MODELS,
        attack=SAT_ATTACK,
    script:
        "../scripts/collect_quality.py"


rule distil_students:
    input:
        training="<results>/images/training.zarr",
        natural="<results>/images/natural.zarr",
        teacher=lambda wildcards: weights([wildcards.model]),
    output:
        directory("<results>/distillation/{model}.zarr"),
    log:
        "<logs>/distil_students/{model}.log",
    benchmark:
        "<benchmarks>/distil_students/{model}.tsv"
    wildcard_constraints:
        model=one_of(TEACHERS),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=240,
    params:
        **uses("distil_students", "kindred.training.standard"),
        settings={key: DISTILLATION.get(key) for key in ("methods", "share", "temperature", "seeds")},
        students=lambda wildcards: {student: model_settings(student) for student in students_of(wildcards.model)},
        images=input_settings(),
    script:
        "../scripts/distil_students.py"


use rule distil_students as train_students_alone with:
    input:
        training="<results>/images/training.zarr",
        natural="<results>/images/natural.zarr",
    output:
        directory("<results>/distillation/alone/{model}.zarr"),
    log:
        "<logs>/train_students_alone/{model}.log",
    benchmark:
        "<benchmarks>/train_students_alone/{model}.tsv"
    wildcard_constraints:
        model=one_of(STUDENTS),
    params:
        **uses("distil_students", "kindred.training.standard"),
        settings={"seeds": DISTILLATION.get("seeds")},
        students=lambda wildcards: {wildcards.model: model_settings(wildcards.model)},
        images=input_settings(),


rule collect_distillation:
    input:
        sat=table("sat"),
        alone=[f"<results>/distillation/alone/{student}.zarr" for student in STUDENTS],
        taught=[f"<results>/distillation/{teacher}.zarr" for teacher in TEACHERS],
    output:
        distillation="<results>/tables/distillation.csv",
        distillation_summary="<results>/tables/distillation_summary.csv",
    log:
        "<logs>/collect_distillation.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_distillation"),
        attack=SAT_ATTACK,
        teachers=TEACHERS,
        draws=SAT["measures"]["draws"],
        seed=SAT["measures"]["seed"],
    script:
        "../scripts/collect_distillation.py"
