# Which networks are measured for a forecast, and the fingerprints of what is measured.

MAKERS.update({"measure_costs": ["select_images"], "collect_forecast": ["measure_costs"]})


def network(model):
    """What of a model's entry decides its costs: models that agree in it are measured once."""
    entry = model_entry(config, model)
    return canonical(
        {key: entry[key] for key in ("architecture", "arguments", "input_size", "timm") if key in entry}
    )


def forecast_models():
    """The study's models, and those that only cianfarani2022 makes."""
    return list(dict.fromkeys([*MODELS, *described_models()]))


def layered_work():
    """What cianfarani2022 makes, for kindred.workload_papers."""
    seen = [one for look in LOOKS for one in observations(look)]
    attacked = [tuple(shown.split("@")) for _, shown in seen if "@" in shown]
    return {
        "models": described_models(),
        "attacked": canonical(list(dict.fromkeys([*attacked, *map(tuple, attacked_models())]))),
        "looks": [[observations(look), look_measures(look)] for look in LOOKS],
    }


def looked_at(model):
    """How cianfarani2022 looks at a model, if it does."""
    chosen = look_settings() if model in described_models() else {}
    return {key: chosen[key] for key in ("layers", "fraction", "pooled") if key in chosen}


def network_settings(model):
    """What a measurement depends on."""
    return [network(model), layer_choice(config, model), looked_at(model)]


def alike():
    """{model: the first model with the same network that is looked at in the same way}."""
    looks = {model: fingerprint.of(network_settings(model)) for model in forecast_models()}
    first = {}
    for model, look in looks.items():
        first.setdefault(look, model)
    return {model: first[look] for model, look in looks.items()}


MEASURED_AS = alike()


def forecast_config():
    """The sections that a forecast is made from, with all entries that say how much work there is."""
    sections = (
        "models",
        "trainings",
        "images",
        "attacks",
        "inversions",
        "similarity",
        "gradients",
        "stitching",
        "sat",
        "memory",
        "cianfarani",
    )
    return canonical({section: config[section] for section in sections})


@cache
def made_costs(model):
    return made("measure_costs", [*network_settings(model), config["device"]], made_images())


@cache
def made_forecast():
    settings = [forecast_config(), layered_work()]
    return made("collect_forecast", settings, list(map(made_costs, dict.fromkeys(MEASURED_AS.values()))))


def measured_costs():
    path = "<results>/forecast/{}.json"
    return [
        settled(path.format(model), made_costs(model), "measure_costs")
        for model in dict.fromkeys(MEASURED_AS.values())
    ]


def forecast_table():
    return settled("<results>/forecast/forecast.csv", made_forecast(), "collect_forecast")
