# What SAT is good for (Hwang et al. 2024). Everything here is made from tables, the user's own as well as the study's.

from kindred import records

SAT = config["sat"]
EXTERNAL = config["similarity"]["external"]
SAT_ATTACK = SAT["attack"] or (ATTACKS[0] if ATTACKS and not EXTERNAL else None)
COMPONENT_TABLE = SAT["components"]["table"]
# A table made elsewhere is analysed by itself: no model of the study has to be there.
WITH_MODELS = bool(MODELS) and EXTERNAL is None
WITH_COMPONENTS = WITH_MODELS or COMPONENT_TABLE is not None


@cache
def brought(path):
    """Fingerprint of a small file that the user brings: what it holds, not when it was written."""
    try:
        return records.file_hash(path)
    except OSError:
        return "missing"


@cache
def made_sat():
    return fingerprint.of([brought(EXTERNAL) if EXTERNAL else made_table("transfer"), SAT_ATTACK])


def sat_table():
    return ancient(EXTERNAL) if EXTERNAL else table("sat")


def component_entries():
    """What decides the network of each model: its entry without how it was trained and looked at."""
    design = ("architecture", "arguments", "mean", "std", "input_size")
    entries = {model: model_entry(config, model) for model in MODELS} if WITH_MODELS else {}
    return canonical(
        {model: {key: entry[key] for key in design if key in entry} for model, entry in entries.items()}
    )


def component_settings():
    return canonical({key: value for key, value in SAT["components"].items() if key != "table"})


@cache
def made_analysis(script):
    """Fingerprint of what one of the scripts below makes."""
    components = (
        made_analysis("describe_components") if WITH_COMPONENTS and script != "describe_components" else ""
    )
    models = made_table("models") if WITH_MODELS else ""
    made_of = {
        "describe_components": lambda: [
            component_entries(),
            canonical(config["images"]),
            brought(COMPONENT_TABLE) if COMPONENT_TABLE else "",
        ],
        "cluster_models": lambda: [made_sat(), SAT["clusters"], components, models],
        "explain_sat": lambda: [made_sat(), component_settings(), components],
    }
    return fingerprint.of([made_of[script](), code(script)])


def analysis(script, name):
    return settled(f"<results>/tables/{name}.csv", made_analysis(script))


def made_drawing(script, parts):
    """Fingerprint of a figure: what it is drawn from, the style, and the code that draws it."""
    style = [
        config["figures"]["dpi"],
        config["figures"]["font_size"],
        STYLE_SHEET.read_text(encoding="utf-8"),
    ]
    return fingerprint.of([parts, style, code(script)])


rule hwang2024:
    """Target: every analysis of SAT, after Hwang et al. 2024."""
    input:
        drawn("clusters"),
        drawn("spectrum"),
        drawn("map"),
        drawn("components") if WITH_COMPONENTS else [],


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
        images=canonical(config["images"]),
        made=made_analysis("describe_components"),
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
        made=made_analysis("cluster_models"),
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
        made=made_analysis("explain_sat"),
    script:
        "../scripts/explain_sat.py"


rule draw_clusters:
    input:
        sat=lambda wildcards: sat_table(),
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        labels=lambda wildcards: analysis("cluster_models", "labels"),
    output:
        png="<results>/figures/clusters.png",
        pdf="<results>/figures/clusters.pdf",
    log:
        "<logs>/draw_clusters.log",
    conda:
        "../envs/figures.yaml"
    params:
        attack=SAT_ATTACK,
        made=made_drawing("draw_clusters", made_analysis("cluster_models")),
    script:
        "../scripts/draw_clusters.py"


rule draw_spectrum:
    input:
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        eigenvalues=lambda wildcards: analysis("cluster_models", "eigenvalues"),
        stability=lambda wildcards: analysis("cluster_models", "stability"),
    output:
        png="<results>/figures/spectrum.png",
        pdf="<results>/figures/spectrum.pdf",
    log:
        "<logs>/draw_spectrum.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=made_drawing("draw_spectrum", made_analysis("cluster_models")),
    script:
        "../scripts/draw_spectrum.py"


rule draw_map:
    input:
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        map=lambda wildcards: analysis("cluster_models", "map"),
    output:
        png="<results>/figures/map.png",
        pdf="<results>/figures/map.pdf",
    log:
        "<logs>/draw_map.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=made_drawing("draw_map", made_analysis("cluster_models")),
    script:
        "../scripts/draw_map.py"


rule draw_components:
    input:
        importance=lambda wildcards: analysis("explain_sat", "importance"),
        regression=lambda wildcards: analysis("explain_sat", "regression"),
    output:
        png="<results>/figures/components.png",
        pdf="<results>/figures/components.pdf",
    log:
        "<logs>/draw_components.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=made_drawing("draw_components", made_analysis("explain_sat")),
    script:
        "../scripts/draw_components.py"
