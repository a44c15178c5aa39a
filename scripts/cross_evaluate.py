"""Show the adversarial images of some models to others, each loaded once, and keep every answer.

Every rate, count and interval of the transfer tables can be computed again from these without a model.
"""

import numpy as np
from kindred import checkpoints, device, images, store
from kindred.job import job, progress
from kindred.observe import predict

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    ids = store.demand_same_images(*snakemake.input.adversarial)
    store.demand_first_images(snakemake.input.natural, ids)
    natural = images.load(snakemake.input.natural, len(ids))
    stimuli = [natural.pixels, *(store.array(path, "images") for path in snakemake.input.adversarial)]
    targets = checkpoints.names(snakemake.input.targets)
    made_by = [store.attributes(path) for path in snakemake.input.adversarial]
    answers, weights = [], {}
    models = checkpoints.each(snakemake.input.targets)
    for model in progress(models, "cross evaluation", total=len(targets)):
        classifier = model.classifier.to(place)
        weights[model.name] = model.weights
        answers.append(
            [predict(classifier, shown, name=model.name, device=place).argmax(1) for shown in stimuli]
        )
    said = np.asarray(answers, dtype=np.int32)  # (target, natural and each source, image)
    about = {
        "members": snakemake.params.members,
        "attack": snakemake.wildcards.attack,
        "weights": weights,
        "source_weights": {about["model"]: about["weights"] for about in made_by},
    }
    with store.writing(snakemake.output[0], about) as group:
        images.put_coordinates(group, ids, natural.labels)
        store.put(group, "source", [about["model"] for about in made_by], ("source",))
        store.put(group, "target", targets, ("target",))
        store.put(group, "natural", said[:, 0], ("target", "image"), compress=True)
        store.put(
            group, "predicted", said[:, 1:].swapaxes(0, 1), ("source", "target", "image"), compress=True
        )
