"""scikit-learn's copy of the UCI handwritten digits: 1,797 scans of 8 x 8 pixels with 17 grey levels."""

import numpy as np

from kindred.images.images import Images
from kindred.images.pool import Settings
from kindred.workflow.errors import BadInput


def split(settings: Settings) -> tuple[Images, Images]:
    """Images to evaluate on and all others, for training. Raises BadInput.

    Where `choice` is balanced every class keeps its share in both, and the first images to evaluate on, however many,
    are of all classes in turn. Where it is random, classes do not count.
    """
    from sklearn.model_selection import train_test_split

    from kindred.images.selection import in_turn

    images = everything(settings)
    wanted, classes = settings["evaluation"], len(images.classes)
    if not classes <= wanted <= len(images) - classes:
        raise BadInput(
            f"images.evaluation is {wanted}, but digits holds {len(images)} images of {classes} classes, and "
            f"at least {classes} must be evaluated and as many left for training."
        )
    balanced = settings["choice"] == "balanced"
    training, evaluation = train_test_split(
        np.arange(len(images)),
        test_size=wanted,
        random_state=settings["seed"],
        stratify=images.labels if balanced else None,
    )
    if balanced:
        evaluation = evaluation[in_turn(images.labels[evaluation])]
    return images.take(evaluation), images.take(np.sort(training))


def everything(settings: Settings) -> Images:
    """All scans in the order of the published file, resized bilinearly; the id is their position in it."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    side = settings["size"]
    scans = (data.images / 16.0).astype(np.float32)
    resized = [Image.fromarray(scan).resize((side, side), Image.Resampling.BILINEAR) for scan in scans]
    pixels = np.stack([np.asarray(image, dtype=np.float32) for image in resized])[:, None]
    pixels = np.repeat(np.clip(pixels, 0, 1), settings["channels"], axis=1)
    ids = [f"digits/{i:04d}" for i in range(len(scans))]
    return Images(pixels, data.target.astype(np.int64), ids, [str(c) for c in data.target_names])
