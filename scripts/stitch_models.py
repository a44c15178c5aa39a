"""Give what some models say to the heads of others, fitted on training images and scored on held-out ones.

What the heads of a tile say stays in memory; bodies are taken one at a time, and each is decomposed once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from kindred import checkpoints, device, images, layers, penultimate, stitching, store
from kindred.job import job, log, progress
from kindred.observe import observe


@dataclass(frozen=True)
class Said:
    """What a model says: activations (n, p) on images to fit and to score, classes of the latter, its last map."""

    fitting: torch.Tensor
    scoring: torch.Tensor
    classes: torch.Tensor
    final: tuple[torch.Tensor, torch.Tensor] | None
    weights: str


with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    solver = place if place.type == "cuda" else torch.device("cpu")
    bodies, heads = (checkpoints.names(files) for files in (snakemake.input.bodies, snakemake.input.heads))
    held_out = images.load(snakemake.input.natural)
    labels = torch.from_numpy(held_out.labels)
    training = store.array(snakemake.input.training, "images")
    # Evenly through the set, which may be sorted by class.
    most = training.shape[0]
    count = min(snakemake.params.settings["images"] or most, most)
    chosen = np.linspace(0, most - 1, count).round().astype(int)
    fitted_on = training.get_orthogonal_selection((chosen,))

    def show(model: checkpoints.Model, final: bool) -> Said:
        def answers(shown: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            parts = list(
                observe(model.classifier, shown, [layers.PENULTIMATE], name=model.name, device=place)
            )
            kinds = [
                torch.from_numpy(
                    np.concatenate([said[kind].reshape(len(said[kind]), -1) for _, said in parts])
                )
                for kind in (layers.PENULTIMATE, "logits")
            ]
            return kinds[0], kinds[1]

        model.classifier.to(place)
        fitting, _ = answers(fitted_on)
        scoring, logits = answers(held_out.pixels)
        last = None
        if final:
            weight, bias = penultimate.final_linear(model.classifier)
            last = weight.to(solver), bias.to(solver)
        return Said(fitting, scoring, logits.argmax(1), last, model.weights)

    said = {
        model.name: show(model, final=True)
        for model in progress(checkpoints.each(snakemake.input.heads), "heads")
    }
    weights = {name: one.weights for name, one in said.items()}
    agreed, counts = (
        np.zeros((len(bodies), len(heads), len(stitching.NAMES)), dtype=np.int64) for _ in range(2)
    )
    files = dict(
        zip(bodies, zip(snakemake.input.bodies[::2], snakemake.input.bodies[1::2], strict=True), strict=True)
    )
    for row, name in enumerate(progress(bodies, "bodies")):
        body = said.get(name) or show(checkpoints.load(name, *files[name]), final=False)
        weights[name] = body.weights
        basis = stitching.decompose(body.fitting.to(solver))
        for column, head in enumerate(heads):
            fitted = stitching.fit(basis, said[head].fitting.to(solver))
            final = said[head].final
            assert final is not None
            answer = stitching.stitched(body.scoring.to(solver), fitted, final).argmax(1).cpu()
            found = stitching.agreement(answer, body.classes, said[head].classes, labels)
            agreed[row, column], counts[row, column] = (each.numpy() for each in found)

    attributes = {
        "members": snakemake.params.members,
        "weights": weights,
        "images": len(held_out),
        "fitted_on": count,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        store.put(group, "body", bodies, ("body",))
        store.put(group, "head", heads, ("head",))
        store.put(group, "case", list(stitching.NAMES), ("case",))
        store.put(group, "agreed", agreed, ("body", "head", "case"))
        store.put(group, "n", counts, ("body", "head", "case"))
    log.info(
        "%d bodies, %d heads, fitted on %d images, scored on %d",
        len(bodies),
        len(heads),
        count,
        len(held_out),
    )
