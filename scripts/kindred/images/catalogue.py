"""Sources of images: what each is called, what may be asked of it, and the module that reads it.

The module of a source has `pools(settings)`, which gives the images to evaluate on and those kept apart for training
(None where there are none), or `split(settings)`, which chooses both itself.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from kindred.config.base import File, Folder, Mean, Number, Seed, Settings, Side, Std, Whole, allowed, unit

TRAINING_KEYS = ("training", "training_folder", "training_file")  # without effect on the evaluated images
WORD_OR_NUMBER = Discriminator(lambda value: "<number>" if isinstance(value, int | float) else "<one>")


class ImageSettings(Settings, title="images"):
    """Settings of every source."""

    source: str = Field(description="Where images come from.")
    channels: Literal[1, 3] | None = Field(
        None, description="Channels that models are given, 1 (grey) or 3 (colour); null for those of the source."
    )
    choice: Literal["balanced", "random"] = Field(
        "balanced",
        description="How images are drawn: the same number of every class, or at random. Debiased measures follow it "
        "(docs/images.md); after a balanced choice they need 5 images of each class.",
    )
    broken: Annotated[Whole, unit("images", ge=0)] = Field(
        0, description="Number of unreadable images that are tolerated; others take their places and they are listed."
    )
    size: Side = Field(32, description="Side of the images; attacks, inversions and transfer use this resolution.")
    evaluation: Annotated[Whole, unit("images", ge=10)] = Field(
        500, description="Number of images held out of training, on which everything is measured."
    )
    seed: Seed = Field(0, description="Seed of the choice of images.")
    mean: Mean = Field(
        [0.3], description="Mean of the pixels in [0, 1] per channel: the normalisation of models trained here."
    )
    std: Std = Field([0.35], description="Standard deviation of the pixels in [0, 1] per channel.")


class Digits(ImageSettings, title="images of the source digits"):
    """scikit-learn's scans of handwritten digits, 8 x 8 pixels, ten classes."""

    source: Literal["digits"] = Field("digits", description="Where images come from.")


class _Chosen(ImageSettings):
    """Settings of sources whose images are chosen one by one."""

    training: Annotated[Whole, unit("images", ge=10)] | None = Field(
        None, description="Number of images for training, and for fitting in stitching; null for none."
    )
    crop: Annotated[Number, unit("share of the shorter side", gt=0, le=1)] | None = Field(
        None,
        description="Share of the shorter side that the centre crop keeps; null for 0.875 (224 of 256) of photographs "
        "in files and 1 of arrays and datasets.",
    )


class _Classes(_Chosen):
    """Settings of sources whose classes may be given."""

    classes: Annotated[
        Annotated[Annotated[str, Tag("<one>")] | Annotated[Whole, Field(ge=2), Tag("<number>")], WORD_OR_NUMBER] | None,
        allowed("imagenet, a number of classes of at least 2, or the path of a text file"),
    ] = Field(
        None,
        description="All classes that models distinguish, in the order of their logits: imagenet (its 1,000 WordNet "
        "ids), a number of classes, or a text file with a name per line; null for the classes of the images, sorted.",
    )


class FolderPerClass(_Classes, title="images of the source folder"):
    """Photographs in a folder per class, such as ImageNet's."""

    source: Literal["folder"] = Field(description="Where images come from.")
    folder: Folder = Field(description="The folder; the shorter side is resized to size / crop, the centre is kept.")
    training_folder: Folder | None = Field(
        None, description="Folder of training images with the same classes; null for what is left of images.folder."
    )


class LabelledFolder(_Classes, title="images of the source table"):
    """Photographs in one folder, with their labels in a CSV."""

    source: Literal["table"] = Field(description="Where images come from.")
    folder: Folder = Field(description="The folder.")
    labels: Annotated[str, allowed("the path of a CSV file", min_length=1)] = Field(
        description="CSV with a row per image: its file below images.folder (a column such as file, image or path) and "
        "its label (a column such as label, class or target), a number from 0 or a name."
    )


class Cifar10(_Chosen, title="images of the source cifar10"):
    """CIFAR-10 as distributed, the python or the binary version."""

    source: Literal["cifar10"] = Field(description="Where images come from.")
    folder: Folder = Field(description="The folder.")


class Cifar100(Cifar10, title="images of the source cifar100"):
    """CIFAR-100 as distributed, with its 100 fine classes."""

    source: Literal["cifar100"] = Field(description="Where images come from.")  # type: ignore[assignment]


class Idx(_Classes, title="images of the source idx"):
    """MNIST-style idx files, plain or .gz."""

    source: Literal["idx"] = Field(description="Where images come from.")
    folder: Folder = Field(description="The folder.")


class Npz(_Classes, title="images of the source npz"):
    """Arrays of images and labels in an .npz file."""

    source: Literal["npz"] = Field(description="Where images come from.")
    file: File = Field(description="The file.")
    training_file: File | None = Field(
        None,
        description="Another file for training; null for training arrays in images.file (x_train beside x_test), or "
        "for what is left of its images.",
    )
    arrays: Annotated[
        list[Annotated[str, allowed("the name of an array", min_length=1)]] | None,
        allowed("a list of two names, of the images and of their labels", min_length=2, max_length=2),
    ] = Field(None, description="Names of the arrays of images and of labels; null for the usual ones.")


class ZarrGroup(Npz, title="images of the source zarr"):
    """Arrays of images and labels in a Zarr group, such as another study's natural.zarr."""

    source: Literal["zarr"] = Field(description="Where images come from.")  # type: ignore[assignment]


class Dataset(_Chosen, title="images of the source dataset"):
    """A Hugging Face dataset, where the package datasets is installed."""

    source: Literal["dataset"] = Field(description="Where images come from.")
    dataset: Annotated[str, allowed("the name or the folder of a dataset", min_length=1)] = Field(
        description="Name of the dataset on the hub, or its folder."
    )
    split: Annotated[str, allowed("the name of a split", min_length=1)] | None = Field(
        None, description="The split; null for test."
    )


@dataclass(frozen=True)
class Source:
    """A source of images: its module, settings class and channels; the rest where it always holds the same.

    classes: number of classes; total: images that the source holds; reserved: of these, images that must be left for
    training.
    """

    module: str
    label: str
    settings: type[ImageSettings]
    channels: int = 3
    classes: int | None = None
    total: int | None = None
    reserved: int = 0


SOURCES = {
    "digits": Source("kindred.images.digits", "handwritten digits", Digits, 1, 10, total=1797, reserved=100),
    "folder": Source("kindred.images.folders", "photographs, a folder per class", FolderPerClass),
    "table": Source("kindred.images.labelled", "photographs and a table of labels", LabelledFolder),
    "cifar10": Source("kindred.images.cifar", "CIFAR-10", Cifar10, classes=10),
    "cifar100": Source("kindred.images.cifar", "CIFAR-100", Cifar100, classes=100),
    "idx": Source("kindred.images.idx", "idx files", Idx, channels=1),
    "npz": Source("kindred.images.arrays", "arrays in .npz", Npz),
    "zarr": Source("kindred.images.arrays", "arrays in Zarr", ZarrGroup),
    "dataset": Source("kindred.images.hub_dataset", "a Hugging Face dataset", Dataset),
}
