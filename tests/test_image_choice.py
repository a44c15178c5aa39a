"""Which images are chosen, in which order, what takes the place of broken ones, and the list of them all."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import Chosen, choose, filled, refused, select, table
from kindred.images import images, listing, repeats, selection
from kindred.images.images import Images
from kindred.workflow import store
from kindred.workflow.errors import BadInput
from PIL import Image

from scripts import Place, run

BROKEN = ("n1/2.png", "n1/4.png", "n3/1.png")


def in_turn(labels: np.ndarray, seed: int) -> list[int]:
    """All positions in the order of a balanced choice, by plain loops: every class gives one image in each round."""
    rounds: dict[int, list[int]] = defaultdict(list)
    given: dict[int, int] = defaultdict(int)
    for at in np.random.default_rng(seed).permutation(len(labels)).tolist():
        rounds[given[labels[at]]].append(at)
        given[labels[at]] += 1
    return [at for number in sorted(rounds) for at in rounds[number]]


def photographs(folder: Path) -> dict[str, Any]:
    """Settings of a folder of three classes whose files are of one grey each, three of them broken."""
    for at, (name, count) in enumerate({"n1": 8, "n2": 10, "n3": 8}.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (8, 8), 8 * (3 * number + at)).save(folder / name / f"{number}.png")
    for name in BROKEN:
        (folder / name).write_bytes(b"no image")
    given = {"source": "folder", "folder": str(folder), "size": 8, "mean": [0.5], "std": [0.5], "channels": 1}
    return {**given, "evaluation": 12, "training": 10, "broken": 3, "seed": 4}


def bytes_in_npz(folder: Path) -> dict[str, Any]:
    draw = np.random.default_rng(7)
    x, y = draw.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8), draw.integers(0, 5, 60)
    np.savez(folder / "a.npz", x=x, y=y)
    given = {"source": "npz", "file": str(folder / "a.npz"), "size": 8, "evaluation": 23, "training": 20}
    return {**given, "seed": 2}


def of_digits(folder: Path) -> dict[str, Any]:
    return {"source": "digits", "size": 8, "mean": [0.3], "std": [0.35], "evaluation": 123, "seed": 5}


def digest(parts: Chosen) -> str:
    text = "\n".join([*parts.evaluation.ids, "", *parts.training.ids, "", *parts.broken])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("made", "expected"),
    [(of_digits, "17df76c4ea766d58"), (bytes_in_npz, "6ec437ad25e75df3"), (photographs, "0281645a045feab0")],
)
def test_the_choice_is_that_of_the_first_version(tmp_path: Path, made: Any, expected: str) -> None:
    """Hashes were written by the code of the first version, which chose both parts in one job.

    But for that of digits: it chose the same images, with the evaluation part in another order.
    """
    assert digest(select(**made(tmp_path / "x" if made is photographs else tmp_path))) == expected


def test_broken_images_are_skipped_in_the_order_of_the_choice(tmp_path: Path) -> None:
    settings = filled(**photographs(tmp_path / "x"))
    found = choose(settings)
    names = sorted(path.relative_to(tmp_path / "x").as_posix() for path in (tmp_path / "x").rglob("*.png"))
    labels = np.array([int(name[1]) - 1 for name in names])
    order = [names[at] for at in in_turn(labels, 4)]
    whole = [name for name in order if name not in BROKEN]
    assert found.evaluation.ids == whole[:12]
    tried = order[: order.index(whole[11]) + 1]
    # What was tried is gone; of the rest the same draw takes 10, in the order of the source, then stand-ins.
    left = [at for at, name in enumerate(names) if name not in tried]
    again = [names[left[at]] for at in in_turn(labels[left], 4)]
    drawn = [*sorted(again[:10]), *again[10:]]
    assert found.training.ids == [name for name in drawn if name not in BROKEN][:10]
    assert set(found.broken) <= set(BROKEN) and found.broken
    for part in (found.evaluation, found.training):
        for name, label, pixels in zip(part.ids, part.labels, part.pixels, strict=True):
            assert label == int(name[1]) - 1
            np.testing.assert_array_equal(pixels, np.float32(8 * (3 * int(name[3]) + label)) / np.float32(255))


def test_arrays_are_chosen_in_turn_and_keep_every_pixel(tmp_path: Path) -> None:
    found = select(**bytes_in_npz(tmp_path))
    content = np.load(tmp_path / "a.npz")
    order = in_turn(content["y"], 2)
    left = np.setdiff1d(np.arange(60), order[:23])
    rest = np.sort(left[in_turn(content["y"][left], 2)[:20]])
    for part, rows in ((found.evaluation, order[:23]), (found.training, rest)):
        assert part.ids == [f"a/x/{row:05d}" for row in rows]
        truth = content["x"][rows].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(part.pixels, truth)
        np.testing.assert_array_equal(part.labels, content["y"][rows])


def test_the_choice_is_even_over_classes_and_nested() -> None:
    labels = np.repeat([0, 1, 2], [40, 3, 60])
    whole = selection.order(labels, {"seed": 1, "choice": "balanced"})
    assert whole.tolist() == in_turn(labels, 1)
    assert sorted(whole) == list(range(103))
    for count in (3, 9, 20, 103):
        per_class = np.bincount(labels[whole[:count]], minlength=3)
        assert per_class[1] == min(3, count // 3)
        assert abs(per_class[0] - per_class[2]) <= 1 or per_class[0] == 40
    assert whole.tolist() != selection.order(labels, {"seed": 2, "choice": "balanced"}).tolist()


def test_random_choice_is_not_balanced(tmp_path: Path) -> None:
    labels = np.array([0] * 300 + [1] * 10)
    np.savez(tmp_path / "a.npz", x=np.zeros((310, 8, 8), np.uint8), y=labels)
    given = {"source": "npz", "file": str(tmp_path / "a.npz"), "size": 8, "evaluation": 20}
    assert np.bincount(select(**given).evaluation.labels).tolist() == [10, 10]
    drawn = select(**given, choice="random").evaluation
    assert np.bincount(drawn.labels)[0] > 14
    assert drawn.ids == select(**given, choice="random").evaluation.ids
    assert drawn.ids != select(**given, choice="random", seed=1).evaluation.ids


def test_more_training_images_leave_the_evaluation_images_alone(tmp_path: Path) -> None:
    given = bytes_in_npz(tmp_path)
    few, many = select(**given), select(**{**given, "training": 37})
    assert many.evaluation.ids == few.evaluation.ids
    np.testing.assert_array_equal(many.evaluation.pixels, few.evaluation.pixels)
    assert set(many.training.ids).isdisjoint(many.evaluation.ids) and set(few.training.ids) < set(many.training.ids)


def test_a_source_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    given = photographs(tmp_path / "x")
    settings = filled(**given)
    found = choose(settings)
    Image.new("L", (8, 8), 9).save(tmp_path / "x" / "n1" / "10.png")
    from kindred.images import folders

    with pytest.raises(BadInput, match=r"no longer gives the images .* --forcerun select_evaluation_images"):
        selection.training(folders, settings, repeats.keys_of(found.evaluation), found.broken, 3)


def test_broken_files_are_counted_named_and_replaced(tmp_path: Path) -> None:
    given = table(tmp_path, count=20)
    (tmp_path / "flat" / "003.png").write_bytes(b"no image")
    (tmp_path / "flat" / "004.png").unlink()
    whole = (tmp_path / "flat" / "005.png").read_bytes()
    (tmp_path / "flat" / "005.png").write_bytes(whole[: len(whole) // 2])
    given["evaluation"] = 17
    message = refused(**given)
    assert "cannot be read: " in message and "or allow broken images with images.broken" in message
    message = refused(**given, broken=2)
    assert "cannot be read (" in message and "allows 2" in message
    chosen = select(**given, broken=3)
    assert len(chosen.evaluation) == 17 and set(chosen.broken) == {"003.png", "004.png", "005.png"}
    assert "18 images are wanted of" in refused(**{**given, "evaluation": 18}, broken=3)


def test_the_jobs_write_both_stores_and_the_list(tmp_path: Path) -> None:
    settings = filled(**photographs(tmp_path / "x"))
    natural, training = (str(tmp_path / f"{name}.zarr") for name in ("natural", "training"))
    settings = {key: value for key, value in settings.items() if key != "broken"}
    own = {"settings": settings, "module": "kindred.images.folders", "config": {"images": {"broken": 3}}}
    run("select_evaluation_images", Place(tmp_path, {"natural": "natural.zarr"}, {}, **own))
    run("select_training_images", Place(tmp_path, {"training": "training.zarr"}, {"natural": natural}, **own))
    given = {"natural": natural, "training": training}
    run("list_images", Place(tmp_path, {"listing": "chosen.csv"}, given))
    expected = choose({**settings, "broken": 3})
    for path, part in ((natural, expected.evaluation), (training, expected.training)):
        loaded, about = images.load(path), store.attributes(path)
        assert loaded.ids == part.ids and about["settings"] == settings and about["classes"] == ["n1", "n2", "n3"]
        np.testing.assert_array_equal(loaded.pixels, part.pixels)
        assert set(about) == {"settings", "broken", "classes", "coordinates", "versions", store.INVENTORY}
    assert store.attributes(natural)["broken"] | store.attributes(training)["broken"] == expected.broken
    rows = ["part,image,label,class"]
    for name, part in (("natural", expected.evaluation), ("training", expected.training)):
        rows += [f"{name},{image},{int(image[1]) - 1},{image[:2]}" for image in part.ids]
    rows += [f"broken,{image},," for image in expected.broken]
    assert (tmp_path / "chosen.csv").read_bytes().decode() == "\r\n".join([*rows, ""])


def test_broken_images_of_both_parts_are_listed_in_order(tmp_path: Path) -> None:
    one = Images(np.zeros((1, 1, 8, 8), np.float32), np.array([1]), ["z"], ["a", "b"])
    images.write(tmp_path / "n.zarr", one, {"broken": {"y": "?", "b": "?"}})
    images.write(tmp_path / "t.zarr", one, {"broken": {"a": "?"}})
    listing.write(tmp_path / "c.csv", {"natural": tmp_path / "n.zarr", "training": tmp_path / "t.zarr"})
    lines = (tmp_path / "c.csv").read_text().splitlines()
    assert lines[1:] == ["natural,z,1,b", "training,z,1,b", "broken,y,,", "broken,b,,", "broken,a,,"]
