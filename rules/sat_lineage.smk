# What the analyses of SAT are made of: where their inputs come from, and the fingerprints of what they make.

# What each of the rules below is made from, for --forcerun.
MAKERS.update(
    {
        "describe_components": [],
        "cluster_models": ["collect_transfer", "collect_models", "describe_components"],
        "explain_sat": ["collect_transfer", "describe_components"],
        "evaluate_ensembles": ["collect_transfer", "extract_activations"],
        "compare_measures": ["collect_transfer", "collect_cka", "collect_gradients", "extract_activations"],
        "collect_variation": ["collect_transfer"],
        "assess_attacks": MODEL_MAKERS,
        "collect_quality": ["assess_attacks"],
        "distil_students": MODEL_MAKERS,
        "collect_distillation": ["collect_transfer", "distil_students"],
    }
)

SAT = config["sat"]
EXTERNAL = config["similarity"]["external"]
SAT_ATTACK = SAT["attack"] or (ATTACKS[0] if ATTACKS and not EXTERNAL else None)
# What stands beside SAT, of several that a study may have: the first CKA, and the first loss of its gradients.
SAT_CKA = next((measure for measure in config["similarity"]["measures"] if measure.startswith("cka")), None)
GRADIENT_LOSS = config["gradients"]["losses"][0] if config["gradients"] else None
COMPONENT_TABLE = SAT["components"]["table"]
SHOWN_MEASURES = [f"sat_{SAT_ATTACK}", *(["cka"] if SAT_CKA else []), "agreement"]
SHOWN_MEASURES += ["gradients"] if GRADIENT_LOSS else []
# A table made elsewhere is analysed by itself: no model of the study has to be there.
WITH_MODELS = bool(MODELS) and EXTERNAL is None
TEACHERS = (SAT["distillation"] or {"teachers": []})["teachers"] if WITH_MODELS else []
WITH_COMPONENTS = WITH_MODELS or COMPONENT_TABLE is not None


def demand_sat():
    """No input; an error where there is no SAT to analyse."""
    if SAT_ATTACK is None and EXTERNAL is None:
        raise WorkflowError("config: hwang2024 analyses SAT, which needs attacks or similarity.external.")
    return []


def content_of(path):
    """Fingerprint of a file that the user brings: what it holds, not when it was written."""
    return fingerprint.of_file(path, HASHES) if path else ""


@cache
def made_sat():
    return fingerprint.of([content_of(EXTERNAL) if EXTERNAL else made_table("transfer"), SAT_ATTACK])


def sat_table():
    return ancient(EXTERNAL) if EXTERNAL else table("sat")


def component_entries():
    """What decides the network of each model: its entry without how it was trained and looked at."""
    design = ("architecture", "arguments", "mean", "std", "input_size", "timm")
    entries = {model: model_entry(config, model) for model in MODELS} if WITH_MODELS else {}
    return canonical(
        {model: {key: entry[key] for key in design if key in entry} for model, entry in entries.items()}
    )


def component_settings():
    return canonical({key: value for key, value in SAT["components"].items() if key != "table"})


def variation_entries():
    """What a config says of each model, from which pairs are sorted by what they differ in."""
    about = ("architecture", "arguments", "input_size", "recipe", "trained")
    entries = {model: model_entry(config, model) for model in MODELS} if WITH_MODELS else {}
    return canonical(
        {model: {key: entry[key] for key in about if key in entry} for model, entry in entries.items()}
    )


@cache
def made_quality(attack, group):
    settings = [attack_settings(attack), SAT["quality"], GROUPS[group]]
    return made("assess_attacks", settings, made_images(), list(map(made_model, GROUPS[group])))


def quality_tables():
    path = f"<results>/quality/{SAT_ATTACK}/{{}}.csv"
    return [
        settled(path.format(group), made_quality(SAT_ATTACK, group), "assess_attacks") for group in GROUPS
    ]


def students_of(teacher):
    """A student cannot be its own teacher."""
    return [student for student in SAT["distillation"]["students"] if student != teacher]


def distillation_settings():
    about = SAT["distillation"] or {}
    return canonical({key: value for key, value in about.items() if key not in ("students", "teachers")})


@cache
def made_taught(teacher):
    students = [[made_model(student), model_settings(student)] for student in students_of(teacher)]
    return made("distil_students", distillation_settings(), made_model(teacher), students)


def taught_tables():
    path = "<results>/distillation/{}.csv"
    return [settled(path.format(teacher), made_taught(teacher), "distil_students") for teacher in TEACHERS]


@cache
def made_analysis(script):
    """Fingerprint of what one of the scripts below makes."""
    if script == "describe_components":
        entries = [component_entries(), input_settings()]
        return made(script, entries, content_of(COMPONENT_TABLE))
    components = made_analysis("describe_components") if WITH_COMPONENTS else ""
    observed = [made_activations(model, "natural") for model in MODELS] if WITH_MODELS else []
    if script == "cluster_models":
        known = made_table("models") if WITH_MODELS else ""
        return made(script, SAT["clusters"], made_sat(), components, known)
    if script == "explain_sat":
        return made(script, component_settings(), made_sat(), components)
    if script == "evaluate_ensembles":
        return made(script, [MODELS, SAT["ensembles"]], made_sat(), observed)
    if script == "compare_measures":
        settings = [MODELS, ATTACKS, SAT["measures"], SAT_CKA, GRADIENT_LOSS]
        gradients = made_table("gradients") if GRADIENT_LOSS else ""
        return made(script, settings, made_sat(), made_table("cka"), gradients, observed)
    if script == "collect_variation":
        return made(script, variation_entries(), made_sat())
    if script == "collect_distillation":
        return made(script, TEACHERS, made_sat(), list(map(made_taught, TEACHERS)))
    return made("collect_quality", MODELS, [made_quality(SAT_ATTACK, group) for group in GROUPS])


def analysis(script, name):
    return settled(f"<results>/tables/{name}.csv", made_analysis(script), script)


def made_drawing(script, analysed, options=()):
    """Fingerprint of a figure of an analysis: what it is drawn from, its options, the style, and its code."""
    look = [config["figures"]["dpi"], config["figures"]["font_size"], STYLE_SHEET.read_text(encoding="utf-8")]
    return made(script, [list(options), look], made_analysis(analysed))
