"""Take an imported checkpoint into the study: check that it fits the images and measure its accuracy."""

from kindred.images import images
from kindred.models import classifiers, descriptions, storage
from kindred.models.importing import checkpoint, checks, naming
from kindred.workflow import device
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.images
    # Params hold what decides the model; what is only checked is in the configuration.
    entry = {**checkpoint.configured(snakemake.config, name), **snakemake.params.entry}
    brought = descriptions.read(snakemake.input.description, descriptions.BROUGHT)
    held_out = images.load(snakemake.input.natural)
    checks.demand_fit(name, entry, brought, held_out.classes, len(settings["mean"]))
    description = storage.describe(entry, settings, classes=len(held_out.classes), brought=brought)
    state = classifiers.read_weights(snakemake.input.weights)
    classifier = classifiers.assemble(description)
    fitted = naming.fitted(state, classifier.net.state_dict(), brought["origin"])
    checks.demand_normalisation(name, description, state, fitted)
    classifiers.load_state(classifier.net, fitted, brought["origin"], architecture=description.architecture)
    classifier.eval().requires_grad_(False)
    storage.write(
        snakemake.output.weights,
        snakemake.output.description,
        classifier,
        held_out=held_out,
        device=device.choose(snakemake.config["device"]),
        source={**entry, "architecture": brought["architecture"], "sha256": brought["sha256"]},
        expected=entry["accuracy"],
    )
