"""Images in arrays: CIFAR as distributed, idx files such as MNIST's, `.npz`, Zarr, and Hugging Face datasets."""

import gzip
import io
import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindred.errors import BadInput, first_line, some
from kindred.folders import numbered
from kindred.pixels import of_array, of_image
from kindred.pools import Pool

Settings = Mapping[str, Any]
Both = tuple[Pool, Pool | None]  # images to evaluate on; images to train on, where they are kept apart

# CIFAR as distributed: files of the training part, of the test part, and of the names of classes.
CIFAR_PYTHON = {
    "cifar10": ([f"data_batch_{at}" for at in range(1, 6)], ["test_batch"], "batches.meta"),
    "cifar100": (["train"], ["test"], "meta"),
}
CIFAR_BINARY = {
    "cifar10": ([f"data_batch_{at}.bin" for at in range(1, 6)], ["test_batch.bin"], "batches.meta.txt"),
    "cifar100": (["train.bin"], ["test.bin"], "fine_label_names.txt"),
}
CIFAR_LABELS = {"cifar10": (b"labels", b"label_names"), "cifar100": (b"fine_labels", b"fine_label_names")}
CIFAR_PIXELS = 3 * 32 * 32
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
# What files of arrays call their images and labels.
NAMES = (("images", "labels"), ("x", "y"), ("images", "label"), ("data", "labels"), ("data", "target"))
PARTS = {"test": ("{}_test", "test_{}", "{}te"), "train": ("{}_train", "train_{}", "{}tr")}


def cifar(settings: Settings) -> Both:
    """CIFAR-10 or CIFAR-100 as distributed, from the python or the binary version; the id is the file and the row.

    The test part is for evaluation, the training part for training. Raises BadInput: files missing, cut or strange.
    """
    kind, root = settings["source"], Path(settings["folder"])
    python = [*CIFAR_PYTHON[kind][1], CIFAR_PYTHON[kind][2]]
    binary = [*CIFAR_BINARY[kind][1], CIFAR_BINARY[kind][2]]
    if all((root / name).is_file() for name in python):
        train, test, meta = CIFAR_PYTHON[kind]
        key, names = CIFAR_LABELS[kind]
        classes = [name.decode() for name in _unpickled(root / meta).get(names, [])]
        load: Callable[[Path], tuple[np.ndarray, np.ndarray]] = lambda path: _cifar_batch(path, key)  # noqa: E731
    elif all((root / name).is_file() for name in binary):
        train, test, meta = CIFAR_BINARY[kind]
        classes = (root / meta).read_text(encoding="utf-8").split()
        load = lambda path: _cifar_records(path, 1 if kind == "cifar10" else 2)  # noqa: E731
    else:
        raise BadInput(
            f"images.folder '{root}' does not hold {kind}: neither {some(python)} nor {some(binary)} are all there."
        )
    parts = [_cifar_part(root, names, load, classes, settings) for names in (test, train)]
    return parts[0], parts[1]


def _cifar_part(
    root: Path,
    names: Sequence[str],
    load: Callable[[Path], tuple[np.ndarray, np.ndarray]],
    classes: list[str],
    settings: Settings,
) -> Pool:
    there = [name for name in names if (root / name).is_file()]
    if lost := [name for name in names if name not in there]:
        if settings["training"] or there:  # whoever trains nothing may have deleted the training part
            raise BadInput(f"images.folder '{root}' lacks {some(lost)}.")
        return Pool(f"'{root}'", np.zeros(0, dtype=np.int64), [], classes, lambda at: None)
    loaded = [load(root / name) for name in there]
    ids = [
        f"{Path(name).stem}/{row:05d}"
        for name, (x, _) in zip(there, loaded, strict=True)
        for row in range(len(x))
    ]
    pixels = np.concatenate([x for x, _ in loaded]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([y for _, y in loaded]).astype(np.int64)
    if labels.min() < 0 or labels.max() >= len(classes):
        raise BadInput(f"labels in '{root}' go up to {labels.max()}, but there are {len(classes)} classes.")
    return _pool(f"'{root}'", pixels, labels, ids, classes, settings["channels"])


def _cifar_batch(path: Path, key: bytes) -> tuple[np.ndarray, np.ndarray]:
    batch = _unpickled(path)
    x, y = batch.get(b"data"), batch.get(key)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != CIFAR_PIXELS:
        raise BadInput(f"'{path}' holds no rows of {CIFAR_PIXELS} bytes under 'data', as CIFAR has them.")
    if y is None or len(y) != len(x):
        raise BadInput(f"'{path}' holds no label for each of its {len(x)} images under '{key.decode()}'.")
    return x, np.asarray(y)


def _cifar_records(path: Path, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Binary version: a row has one or two bytes of labels, the last of which is the finer one, then the pixels."""
    content, row = np.fromfile(path, dtype=np.uint8), labels + CIFAR_PIXELS
    if not len(content) or len(content) % row:
        raise BadInput(f"'{path}' has {len(content):,} bytes, which are no rows of {row:,}; was it cut off?")
    rows = content.reshape(-1, row)
    return rows[:, labels:], rows[:, labels - 1]


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain data and NumPy's arrays; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:
        home = module.removeprefix("numpy.").replace("core.", "_core.").replace("__core", "_core")
        if home == "_core.multiarray" and name == "_reconstruct":
            return np.zeros(1).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in the old protocol
            import codecs

            return codecs.encode
        raise BadInput(f"it names {module}.{name}, and reading that would run code of the file")


def _unpickled(path: Path) -> dict[bytes, Any]:
    try:
        with open(path, "rb") as file:
            content = _ArraysOnly(file, encoding="bytes").load()
    except BadInput as error:
        raise BadInput(f"'{path}' is no batch of CIFAR: {error}.") from error
    except Exception as error:  # damaged bytes raise anything
        raise BadInput(f"'{path}' is damaged or no batch of CIFAR: {first_line(error)}.") from error
    if not isinstance(content, dict):
        raise BadInput(f"'{path}' is no batch of CIFAR: it holds a {type(content).__name__}.")
    return {key.encode() if isinstance(key, str) else key: value for key, value in content.items()}


def idx(settings: Settings) -> Both:
    """MNIST-style idx files, plain or .gz: t10k-* for evaluation and train-* for training; the id is part and row."""
    root = Path(settings["folder"])
    parts: list[Pool] = []
    for part in ("t10k", "train"):
        files = [_idx_file(root, f"{part}-{what}", what) for what in ("images-idx3", "labels-idx1")]
        if part == "train" and not settings["training"] and None in files:
            return parts[0], None
        for file, what in zip(files, ("images-idx3-ubyte", "labels-idx1-ubyte"), strict=True):
            if file is None:
                raise BadInput(f"images.folder '{root}' has no file {part}-{what} (nor with .gz).")
        images, labels = (_read_idx(file) for file in files if file)
        if images.ndim not in (3, 4) or labels.ndim != 1 or len(images) != len(labels):
            raise BadInput(
                f"'{files[0]}' has the shape {images.shape} and '{files[1]}' {labels.shape}; images and as many labels "
                "are needed."
            )
        y, classes = numbered(labels.tolist(), settings["classes"], str(files[1]))
        ids = [f"{part}/{row:05d}" for row in range(len(images))]
        parts.append(_pool(f"'{files[0]}'", images, y, ids, classes, settings["channels"]))
    return parts[0], parts[1]


def _idx_file(root: Path, stem: str, what: str) -> Path | None:
    """Downloads are called t10k-images-idx3-ubyte or t10k-images.idx3-ubyte, often with .gz."""
    dotted = stem.replace(f"-{what}", f"-{what.replace('-', '.')}")
    names = [f"{name}-ubyte{suffix}" for name in (stem, dotted) for suffix in ("", ".gz")]
    return next((root / name for name in names if (root / name).is_file()), None)


def _read_idx(path: Path) -> np.ndarray:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        kind, dims = content[2], content[3]
        if content[:2] != b"\0\0" or kind not in IDX_TYPES:
            raise ValueError("it does not begin as an idx file does")
        shape = struct.unpack(f">{dims}I", content[4 : 4 + 4 * dims])
        dtype = np.dtype(IDX_TYPES[kind])
        values = np.frombuffer(content, dtype, offset=4 + 4 * dims)
        return values.reshape(shape).astype(dtype.newbyteorder("="))
    except (OSError, EOFError, ValueError, IndexError, struct.error, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise BadInput(f"'{path}' is damaged or no idx file: {first_line(error)}.") from error


def npz(settings: Settings) -> Both:
    """Arrays of images and labels in an `.npz` file; a training part under names of its own, or in another file."""
    return _of_arrays(settings, _open_npz)


def zarr(settings: Settings) -> Both:
    """The same in a Zarr group, such as the images.zarr of another study; ids are its `image`, where it has that."""
    return _of_arrays(settings, _open_zarr)


def _open_npz(path: Path) -> Mapping[str, Any]:
    try:
        return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except Exception as error:  # zip files are broken in many ways
        raise BadInput(f"'{path}' is damaged or no .npz file: {first_line(error)}.") from error


def _open_zarr(path: Path) -> Mapping[str, Any]:
    import zarr as library

    try:
        group = library.open_group(str(path), mode="r")
        return {name: group[name] for name in group.array_keys()}
    except Exception as error:
        raise BadInput(f"'{path}' is damaged or no Zarr group: {first_line(error)}.") from error


def _of_arrays(settings: Settings, opening: Callable[[Path], Mapping[str, Any]]) -> Both:
    path = Path(settings["file"])
    content = opening(path)
    test = _named(path, content, settings, "test")
    assert test
    if settings["training_file"]:
        other = Path(settings["training_file"])
        return test, _named(other, opening(other), settings, "train")
    return test, _named(path, content, settings, "train", optional=True)


def _named(
    path: Path, content: Mapping[str, Any], settings: Settings, part: str, optional: bool = False
) -> Pool | None:
    """The pool of one part; optional: None where the file has no names of that part alone."""
    own = [tuple(form.format(name) for name in pair) for pair in NAMES for form in PARTS[part]]
    bare: list[tuple[str, ...]] = [] if optional else [*NAMES, ("arr_0", "arr_1")]
    pairs = own + bare
    if settings["arrays"] and not optional:
        pairs = [tuple(settings["arrays"][:2])]
    pair = next((pair for pair in pairs if all(name in content for name in pair)), None)
    if pair is None:
        if optional:
            return None
        raise BadInput(
            f"'{path}' holds the arrays {some(sorted(content)) or 'none'}, but none that are images and labels, such "
            f"as {' and '.join(pairs[0])}; images.arrays names them."
        )
    try:
        x, y = (np.asarray(content[name][:]) for name in pair)
    except Exception as error:  # arrays of objects, chunks that are lost
        raise BadInput(f"'{path}': {' and '.join(pair)} cannot be read: {first_line(error)}.") from error
    if x.ndim not in (3, 4) or y.squeeze().ndim != 1 or len(x) != len(y):
        raise BadInput(
            f"'{path}': {pair[0]} has the shape {x.shape} and {pair[1]} {y.shape}; images (n, height, width) with or "
            "without channels and n labels are needed."
        )
    labels, classes = numbered(y.reshape(len(y)).tolist(), settings["classes"], f"{path}:{pair[1]}")
    ids = [f"{Path(path).stem}/{pair[0]}/{row:05d}" for row in range(len(x))]
    if "image" in content and "image" not in pair and content["image"].shape == (len(x),):
        ids = [str(name) for name in content["image"][:]]
    return _pool(f"'{path}'", x, labels, ids, classes, settings["channels"])


def dataset(settings: Settings) -> Both:
    """A Hugging Face dataset by its name on the hub or as a folder; one split, the id is split and row."""
    try:
        import datasets
    except ImportError as error:
        raise BadInput(
            f"images of the source dataset need the package 'datasets' ({error}): pip install datasets"
        ) from error
    name, split = settings["dataset"], settings["split"] or "test"
    try:
        if (Path(name) / "dataset_dict.json").is_file():
            found = datasets.load_from_disk(name)[split]
        elif (Path(name) / "dataset_info.json").is_file():
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, split=split)
    except Exception as error:  # it fetches, caches and parses
        raise BadInput(
            f"the dataset '{name}' with the split '{split}' cannot be loaded: {type(error).__name__}: "
            f"{first_line(error)}."
        ) from error
    kinds = {key: type(feature).__name__ for key, feature in found.features.items()}
    x = next((key for key, kind in kinds.items() if kind == "Image"), None)
    y = next((key for key, kind in kinds.items() if kind == "ClassLabel"), None)
    if x is None or y is None:
        raise BadInput(
            f"the dataset '{name}' has the columns {some(f'{key} ({kind})' for key, kind in kinds.items())}, but one "
            "of Image and one of ClassLabel are needed."
        )
    labels = np.asarray(found[y], dtype=np.int64)
    ids = [f"{split}/{row:06d}" for row in range(len(found))]
    classes, channels = list(found.features[y].names), settings["channels"]
    return Pool(f"'{name}'", labels, ids, classes, lambda at: _decoded(found, at, x, channels)), None


def _decoded(found: Any, at: int, column: str, channels: int) -> Any:
    try:
        return of_image(found[at][column], channels)
    except BadInput:
        raise
    except Exception as error:  # whatever the bytes of one image do
        raise BadInput(first_line(error)) from error


def _pool(
    name: str, x: np.ndarray, labels: np.ndarray, ids: Sequence[str], classes: list[str], channels: int
) -> Pool:
    """The range of all images is asked once: dark images of a set in 0..255 would pass one by one."""
    if np.issubdtype(x.dtype, np.floating):
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
        if not (low >= 0 and high <= 1):
            hint = ", or keep them as uint8" if low >= 0 and 1 < high <= 255 else ""
            raise BadInput(
                f"the images of {name} go from {low:g} to {high:g}, but real numbers must be in [0, 1]: divide them by "
                f"what white is{hint}."
            )
    elif x.dtype not in (np.uint8, np.uint16, np.bool_):
        raise BadInput(
            f"the images of {name} are of {x.dtype}, but must be of uint8, uint16 or real numbers."
        )
    return Pool(name, labels, ids, classes, lambda at: of_array(x[at], channels))
