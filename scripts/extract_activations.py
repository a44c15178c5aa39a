"""Show images to one model and keep what it says: an array per layer, flattened, and the logits."""

import torch
from kindred import batches, checkpoints, device, images, layers, store
from kindred.job import job, log, progress
from kindred.observe import observe

with job(snakemake.log[0], snakemake.threads):
    name = snakemake.wildcards.model
    place = device.choose(snakemake.config["device"])
    model = checkpoints.load(name, *snakemake.input.model)
    classifier = model.classifier.to(place)
    shown = images.load(snakemake.input.images)
    example = torch.from_numpy(shown.pixels[:1]).to(place)
    chosen = layers.resolve(classifier, snakemake.params.layers, example)
    # What is kept of all layers at once is about what a backward pass would need.
    batch = batches.fitting(classifier, example, snakemake.config["memory"] * 2**30, gradients=True)
    about = {
        "made": snakemake.params.made,
        "stimuli": snakemake.wildcards.stimuli,
        "model": name,
        "weights": model.weights,
        "layers": chosen,  # in the order of the forward pass
    }
    with store.writing(snakemake.output[0], about) as group:
        images.put_coordinates(group, shown.ids, shown.labels)
        filling, shapes = {}, {}
        said = observe(classifier, shown.pixels, chosen, name=name, device=place, batch=batch)
        for _, values in progress(said, f"observing {name}", total=-(-len(shown) // batch)):
            for layer, value in values.items():
                flat = value.reshape(len(value), -1)
                if layer not in filling:
                    shapes[layer] = list(value.shape[1:])
                    dims = ("image", "class" if layer == "logits" else f"{layer}|feature")
                    array = store.reserve(group, layer, (len(shown), flat.shape[1]), "float32", dims)
                    filling[layer] = store.Filling(array)
                filling[layer].add(flat)
        for array in filling.values():
            array.finish()
        group.attrs["shapes"] = shapes
    log.info("'%s': %d layers of %d images", name, len(chosen), len(shown))
