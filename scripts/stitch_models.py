"""Stitch the bodies of some models to the heads of others, fitted on training images and scored on others.

The features of a tile's heads stay in memory; bodies are processed one at a time.
"""

from dataclasses import dataclass

import numpy as np
import torch
from kindred.activations import layers, penultimate
from kindred.activations.extraction import observe
from kindred.images import images
from kindred.models import storage
from kindred.similarity import stitching
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log, progress


@dataclass(frozen=True)
class Features:
    """Penultimate activations (n, p) for fitting and scoring, predictions, and of a head the logits to be fitted."""

    fitting: torch.Tensor
    scoring: torch.Tensor
    classes: torch.Tensor
    answers: torch.Tensor | None
    weights: str


with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    solver = device if device.type == "cuda" else torch.device("cpu")
    bodies, heads = (storage.names(files) for files in (snakemake.input.bodies, snakemake.input.heads))
    held_out = images.load(snakemake.input.natural)
    labels = torch.from_numpy(held_out.labels)
    training = store.array(snakemake.input.training, "images")
    # Evenly spaced, as the set may be sorted by class.
    available = training.shape[0]
    count = min(snakemake.params.settings["images"] or available, available)
    chosen = np.linspace(0, available - 1, count).round().astype(int)
    fitted_on = training.get_orthogonal_selection((chosen,))

    def features(model: storage.Model, final: bool) -> Features:
        def outputs(pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            parts = list(observe(model.classifier, pixels, [layers.PENULTIMATE], name=model.name, device=device))
            arrays = [
                torch.from_numpy(np.concatenate([one[kind].reshape(len(one[kind]), -1) for _, one in parts]))
                for kind in (layers.PENULTIMATE, "logits")
            ]
            return arrays[0], arrays[1]

        model.classifier.to(device)
        fitting, _ = outputs(fitted_on)
        scoring, logits = outputs(held_out.pixels)
        fitting = fitting.to(solver)
        last = None
        if final:
            weight, bias = penultimate.final_linear(model.classifier)
            last = stitching.answers(fitting, (weight.to(solver), bias.to(solver)))
        return Features(fitting, scoring, logits.argmax(1), last, model.weights)

    known = {
        model.name: features(model, final=True) for model in progress(storage.each(snakemake.input.heads), "heads")
    }
    weights = {name: one.weights for name, one in known.items()}
    agreed, counts = (np.zeros((len(bodies), len(heads), len(stitching.NAMES)), dtype=np.int64) for _ in range(2))
    files = dict(zip(bodies, zip(snakemake.input.bodies[::2], snakemake.input.bodies[1::2], strict=True), strict=True))
    for row, name in enumerate(progress(bodies, "bodies")):
        body = known.get(name) or features(storage.load(name, *files[name]), final=False)
        weights[name] = body.weights
        basis = stitching.decompose(body.fitting)
        for column, head in enumerate(heads):
            answers = known[head].answers
            assert answers is not None
            predicted = stitching.stitched(body.scoring.to(solver), stitching.fit(basis, answers)).argmax(1).cpu()
            found = stitching.agreement(predicted, body.classes, known[head].classes, labels)
            agreed[row, column], counts[row, column] = (each.numpy() for each in found)

    attributes = {"members": sorted({*bodies, *heads}), "weights": weights, "images": len(held_out), "fitted_on": count}
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "body", bodies, ("body",))
        store.put(group, "head", heads, ("head",))
        store.put(group, "case", list(stitching.NAMES), ("case",))
        store.put(group, "agreed", agreed, ("body", "head", "case"))
        store.put(group, "n", counts, ("body", "head", "case"))
    log.info("%d bodies, %d heads, fitted on %d images, scored on %d", len(bodies), len(heads), count, len(held_out))
