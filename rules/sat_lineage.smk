# What the analyses of SAT are made of: where their inputs come from, and the fingerprints of what they make.

from kindred import records

SAT = config["sat"]
EXTERNAL = config["similarity"]["external"]
SAT_ATTACK = SAT["attack"] or (ATTACKS[0] if ATTACKS and not EXTERNAL else None)
COMPONENT_TABLE = SAT["components"]["table"]
# A table made elsewhere is analysed by itself: no model of the study has to be there.
WITH_MODELS = bool(MODELS) and EXTERNAL is None
TEACHERS = (SAT["distillation"] or {"teachers": []})["teachers"] if WITH_MODELS else []
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


def measure_settings():
    return canonical({key: value for key, value in SAT["measures"].items() if key != "gradients"})


def variation_entries():
    """What a config says of each model, from which pairs are sorted by what they differ in."""
    about = ("architecture", "arguments", "input_size", "recipe", "trained")
    entries = {model: model_entry(config, model) for model in MODELS} if WITH_MODELS else {}
    return canonical(
        {model: {key: entry[key] for key in about if key in entry} for model, entry in entries.items()}
    )


def students_of(teacher):
    """A student cannot be its own teacher."""
    return [student for student in SAT["distillation"]["students"] if student != teacher]


def distillation_settings():
    about = SAT["distillation"] or {}
    return canonical({key: value for key, value in about.items() if key not in ("students", "teachers")})


@cache
def made_taught(teacher):
    students = [[made_model(student), model_settings(student)] for student in students_of(teacher)]
    return fingerprint.of([made_model(teacher), students, distillation_settings(), code("distil_students")])


def taught_tables():
    return [settled(f"<results>/distillation/{teacher}.csv", made_taught(teacher)) for teacher in TEACHERS]


@cache
def made_quality(attack, group):
    made = [attack_settings(attack), SAT["quality"], made_images(), code("assess_attacks")]
    return fingerprint.of([made, [[model, made_model(model)] for model in GROUPS[group]]])


def quality_tables():
    path = f"<results>/quality/{SAT_ATTACK}/{{}}.csv"
    return [settled(path.format(group), made_quality(SAT_ATTACK, group)) for group in GROUPS]


@cache
def made_analysis(script):
    """Fingerprint of what one of the scripts below makes."""
    components = (
        made_analysis("describe_components") if WITH_COMPONENTS and script != "describe_components" else ""
    )
    models = made_table("models") if WITH_MODELS else ""
    observed = [made_activations(model, "natural") for model in MODELS] if WITH_MODELS else []
    made_of = {
        "describe_components": lambda: [
            component_entries(),
            canonical(config["images"]),
            brought(COMPONENT_TABLE) if COMPONENT_TABLE else "",
        ],
        "cluster_models": lambda: [made_sat(), SAT["clusters"], components, models],
        "explain_sat": lambda: [made_sat(), component_settings(), components],
        "evaluate_ensembles": lambda: [made_sat(), MODELS, SAT["ensembles"], *observed],
        "compare_measures": lambda: [
            made_sat(),
            MODELS,
            measure_settings(),
            made_table("cka"),
            config["similarity"]["measures"][0],
            brought(SAT["measures"]["gradients"]) if SAT["measures"]["gradients"] else "",
            *observed,
        ],
        "collect_distillation": lambda: [made_sat(), [made_taught(teacher) for teacher in TEACHERS]],
        "collect_quality": lambda: [MODELS, [made_quality(SAT_ATTACK, group) for group in GROUPS]],
        "collect_variation": lambda: [made_sat(), variation_entries()],
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
