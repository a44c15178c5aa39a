"""Store the activations of one model on a set of images, flattened, an array per layer, and its logits."""

import torch
from kindred.activations import batches, layers
from kindred.activations.extraction import observe
from kindred.images import images
from kindred.models import storage
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    name = snakemake.wildcards.model
    device = choose(snakemake.config["device"])
    model = storage.load(name, snakemake.input.weights, snakemake.input.description)
    classifier = model.classifier.to(device)
    stimuli = images.load(snakemake.input.images)
    example = torch.from_numpy(stimuli.pixels[:1]).to(device)
    chosen = layers.resolve(classifier, snakemake.params.layers, example)
    # Activations of all layers at once take about as much as a backward pass would.
    batch = batches.fitting(classifier, example, snakemake.config["memory"] * 2**30, gradients=True)
    attributes = {
        "stimuli": snakemake.wildcards.stimuli,
        "model": name,
        "weights": model.weights,
        "layers": chosen,  # in the order of the forward pass
    }
    with store.writing(snakemake.output[0], attributes) as group:
        images.put_coordinates(group, stimuli.ids, stimuli.labels)
        filling, shapes = {}, {}
        outputs = observe(classifier, stimuli.pixels, chosen, name=name, device=device, batch=batch)
        for _, values in progress(outputs, f"activations of {name}", total=-(-len(stimuli) // batch)):
            for layer, value in values.items():
                flat = value.reshape(len(value), -1)
                if layer not in filling:
                    shapes[layer] = list(value.shape[1:])
                    dims = ("image", "class" if layer == "logits" else f"{layer}|feature")
                    array = store.reserve(group, layer, (len(stimuli), flat.shape[1]), "float32", dims)
                    filling[layer] = store.Filling(array)
                filling[layer].add(flat)
        for array in filling.values():
            array.finish()
        group.attrs["shapes"] = shapes
    log.info("'%s': %d layers of %d images", name, len(chosen), len(stimuli))
