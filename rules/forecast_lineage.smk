# Which networks are measured for a forecast, and the fingerprints of what is measured.

MAKERS.update({"measure_costs": ["select_images"], "collect_forecast": ["measure_costs"]})


def network(model):
    """What of a model's entry decides its costs: models that agree in it are measured once."""
    entry = model_entry(config, model)
    return canonical({key: entry[key] for key in ("architecture", "arguments", "input_size") if key in entry})


def alike():
    """{model: the first model of the study with the same network and the same layers}."""
    looks = {model: fingerprint.of([network(model), layer_choice(config, model)]) for model in MODELS}
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
    )
    return canonical({section: config[section] for section in sections})


@cache
def made_costs(model):
    return made(
        "measure_costs", [network(model), layer_choice(config, model), config["device"]], made_images()
    )


@cache
def made_forecast():
    return made(
        "collect_forecast", forecast_config(), list(map(made_costs, dict.fromkeys(MEASURED_AS.values())))
    )


def measured_costs():
    path = "<results>/forecast/{}.json"
    return [
        settled(path.format(model), made_costs(model), "measure_costs")
        for model in dict.fromkeys(MEASURED_AS.values())
    ]


def forecast_table():
    return settled("<results>/forecast/forecast.csv", made_forecast(), "collect_forecast")
