"""Runs that are cut off: the same command goes on, at most running jobs are lost, and tables end up the same.

Every way to be cut off is tried once here, and twenty times in a row, at moments drawn at random, by
`make test-interruptions`.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from workflow import ONE_THREAD, ROOT, Checkout

TARGETS = ("results/tables/transfer.csv", "results/tables/inversions.csv")
# Seconds within which a run is cut off at random, about as long as it takes on an idle machine.
SPAN = 15.0
COMMAND = (sys.executable, "-m", "snakemake", "--cores", "2", *TARGETS)


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Tests that run in the background would hand on to what they start that Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Two small models, whose attacks and inversions are yet to be made."""
    study = Checkout(tmp_path_factory.mktemp("interrupted") / "kindred", ROOT / "tests" / "small.yaml")
    config = study.config()
    config["models"] = {name: config["models"][name] for name in ("vgg-std", "vgg-linf10")}
    config["attacks"] = {"pgd_linf": config["attacks"]["pgd_linf"]}
    config["inversions"]["jones"].update(steps=100, chunk=4)
    config["similarity"]["groups"] = 1
    config["figures"] = {}
    del config["sat"]
    study.write_config(config)
    outcome = study.snakemake("models")
    assert outcome.status == 0, outcome.text[-4000:]
    return study


@pytest.fixture(scope="module")
def undisturbed(ready: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    study = ready.copy(tmp_path_factory.mktemp("undisturbed") / "kindred")
    outcome = study.snakemake(*TARGETS)
    assert outcome.status == 0, outcome.text[-4000:]
    return study


@pytest.fixture
def study(ready: Checkout, tmp_path: Path) -> Checkout:
    return ready.copy(tmp_path / "kindred")


def start(study: Checkout, log: Path | None = None) -> subprocess.Popen:
    with (log or study / "interrupted.log").open("w") as out:
        return subprocess.Popen(
            COMMAND,
            cwd=study.folder,
            env={**os.environ, **ONE_THREAD},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def workers(run: subprocess.Popen) -> list[psutil.Process]:
    """The processes that run the scripts of rules, without the shells that started them."""
    try:
        below = psutil.Process(run.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in below:
        try:
            if not process.children() and any("/.snakemake/scripts/" in word for word in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def ctrl_c(run: subprocess.Popen) -> None:
    """What a terminal does: every process in the foreground gets the signal."""
    os.killpg(run.pid, signal.SIGINT)


def kill_snakemake(run: subprocess.Popen) -> None:
    os.kill(run.pid, signal.SIGKILL)


def kill_a_worker(run: subprocess.Popen) -> None:
    for process in workers(run)[:1]:
        process.kill()


WAYS = [ctrl_c, kill_snakemake, kill_a_worker]


def records(study: Checkout) -> dict[str, bytes]:
    """What Snakemake remembers of each output that is there: of those that jobs made that ended well.

    It keeps a record of a failed job, too, whose output it removes; names of records are paths in base 64.
    """
    return {
        path.name: path.read_bytes()
        for path in (study / ".snakemake/metadata").iterdir()
        if (study / b64decode(path.name).decode()).exists()
    }


def until(event: Callable[[], object], run: subprocess.Popen, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not event() and run.poll() is None:
        assert time.monotonic() < deadline, "the moment to cut the run off never came"
        time.sleep(0.01)


def ended(run: subprocess.Popen, left: list[psutil.Process]) -> int:
    status = run.wait(timeout=300)
    _, alive = psutil.wait_procs(left, timeout=30)
    assert not alive, "jobs went on without Snakemake, beside those that the next run starts"
    return status


def goes_on(study: Checkout, undisturbed: Checkout, done: dict[str, bytes]) -> None:
    """The same command once more ends well, does again nothing that was done, and gives the same tables."""
    again = subprocess.run(
        COMMAND,
        cwd=study.folder,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout[-6000:]
    now = records(study)
    assert done, "not even the models' records were read"
    assert {name: now[name] for name in done} == done
    for target in TARGETS:
        assert (study / target).read_bytes() == (undisturbed / target).read_bytes(), target
    left = [path for path in (study / "results").rglob(".*") if path.name != ".snakemake_timestamp"]
    assert not left, "an interruption left something behind"
    assert study.plan(*TARGETS) == {}


def cut_off(
    study: Checkout, way: Callable[[subprocess.Popen], None], moment: Callable[[subprocess.Popen], object]
) -> dict[str, bytes]:
    """Start a run, wait for the moment, end the run; the records of what it had done by then."""
    run = start(study)
    until(lambda: moment(run), run)
    left = workers(run)
    if run.poll() is None:
        way(run)
    ended(run, left)
    return records(study)


@pytest.mark.parametrize(
    "way", [pytest.param(ctrl_c, marks=pytest.mark.slow), kill_snakemake], ids=lambda way: way.__name__
)
def test_a_run_that_is_cut_off_goes_on(
    study: Checkout, undisturbed: Checkout, way: Callable[[subprocess.Popen], None]
) -> None:
    # In the middle of an inversion, the longest of jobs, that has finished a chunk.
    chunks = study / "results/images/inverted/jones"
    done = cut_off(study, way, lambda run: list(chunks.glob(".*.chunks/0*.zarr")))
    assert any((study / target).exists() is False for target in TARGETS), "the run was over before it was cut off"
    goes_on(study, undisturbed, done)


def used(folder: Path) -> int:
    """Bytes of the blocks that a folder takes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """small_disk(size): a file system of so many bytes, or, asked again, the same with so many more or less."""
    place = tmp_path / "disk"
    place.mkdir()

    def sized(size: int) -> Path:
        how = f"size={size}" + (",remount" if os.path.ismount(place) else "")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", how, "tmpfs", place], check=False, capture_output=True, text=True
        )
        if mounted.returncode != 0:
            pytest.skip(f"a disk of its own takes root: {mounted.stderr.strip()}")
        return place

    yield sized
    if os.path.ismount(place):
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(ready: Checkout, undisturbed: Checkout, small_disk: Callable[[int], Path], share: float) -> None:
    """A run on a disk with room for a share of its results, and once more with room for them all."""
    study = ready.copy(small_disk(2**30) / "kindred")
    needed = used(undisturbed.folder) - used(ready.folder)
    small_disk(used(study.folder) + int(share * needed))
    log = study.folder.parent.parent / "interrupted.log"
    assert start(study, log).wait(timeout=300) != 0
    assert re.search("No space left on device|no space is left", log.read_text())
    # What Snakemake could not write down whole any more counts as not done.
    done = {name: text for name, text in records(study).items() if text.endswith(b"}")}
    small_disk(2**30)
    goes_on(study, undisturbed, done)


def test_a_run_on_a_full_disk_goes_on(
    ready: Checkout, undisturbed: Checkout, small_disk: Callable[[int], Path]
) -> None:
    fill(ready, undisturbed, small_disk, 0.5)


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(20))
def test_a_run_on_a_full_disk_goes_on_wherever_it_ended(
    ready: Checkout, undisturbed: Checkout, small_disk: Callable[[int], Path], seed: int
) -> None:
    # With more than three quarters of what the undisturbed run took, some runs find room for everything.
    fill(ready, undisturbed, small_disk, random.Random(seed).uniform(0.0, 0.75))


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_run_that_is_cut_off_at_any_moment_goes_on(
    study: Checkout, undisturbed: Checkout, way: Callable[[subprocess.Popen], None], seed: int
) -> None:
    rng = random.Random(f"{way.__name__} {seed}")

    def some_time_after_the_first_job_began(run: subprocess.Popen) -> bool:
        if workers(run):
            time.sleep(rng.uniform(0, SPAN))
            return True
        return False

    goes_on(study, undisturbed, cut_off(study, way, some_time_after_the_first_job_began))
