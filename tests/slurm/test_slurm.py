"""The small study on a real SLURM: same tables as a local run, though a job and a node are killed on the way.

`make test-slurm`. As root, where Debian's packages are or can be installed; cluster.sh starts the daemons.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from workflow import ONE_THREAD, ROOT, Checkout

CLUSTER = ROOT / "tests" / "slurm" / "cluster.sh"
NODES = 2
# Files below results/tables and what is drawn from them; the jobs that make them are light and stay local.
TARGETS = ("tables", "figures")
# The tests do not wait as long between two looks at the queue as a study of days does.
IMPATIENT = ("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2")

pytestmark = pytest.mark.slurm


def why_not() -> str | None:
    if os.geteuid() != 0:
        return "starting node daemons takes root"
    if shutil.which("apt-get") is None and shutil.which("slurmctld") is None:
        return "no SLURM here, and no apt-get to install it with"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm is not installed: pip install -e '.[slurm]'"
    if Path("/etc/slurm/slurm.conf").exists():
        return "/etc/slurm/slurm.conf is there: this machine belongs to a cluster already"
    return None


def called(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The folder of a running SLURM of two nodes."""
    if reason := why_not():
        pytest.skip(reason)
    # Not in pytest's own folder, which the database's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="kindred-slurm-"))
    folder.chmod(0o755)

    def told() -> str:
        return (folder / "cluster.log").read_text()[-3000:]

    def cluster_sh(*arguments: str | Path) -> bool:
        # Daemons keep what they inherit, so their output must not be this process's.
        with (folder / "cluster.log").open("a") as log:
            done = subprocess.run([CLUSTER, *arguments], stdout=log, stderr=log, check=False)
        return done.returncode == 0

    if not cluster_sh("install"):
        pytest.skip(f"Debian's packages of SLURM could not be installed: {told()}")
    try:
        if not cluster_sh("start", folder, str(NODES)):
            pytest.skip(f"SLURM's daemons do not run here: {told()}")
        yield folder
    finally:
        assert cluster_sh("stop", folder), told()
        shutil.rmtree(folder)


class Run:
    """`snakemake` through profiles/slurm, in the background."""

    def __init__(self, study: Checkout, *arguments: str) -> None:
        self.study = study
        self.log = study / "slurm.log"
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [*command, *IMPATIENT, "--slurm-no-account", *arguments],
                cwd=study.folder,
                env={**os.environ, **ONE_THREAD},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def until(self, event: Callable[[], object], what: str) -> None:
        while not event():
            assert self.process.poll() is None, f"the run ended before {what}:\n{self.text[-6000:]}"
            time.sleep(0.2)

    def finish(self, cluster: Path) -> None:
        if self.process.wait() != 0:
            controller = (cluster / "log/slurmctld.log").read_text()
            pytest.fail(f"{self.text[-6000:]}\n{controller[-6000:]}\n{accounted()}")

    @property
    def text(self) -> str:
        return self.log.read_text()


def running(node: str | None = None) -> list[str]:
    """Jobs that run now, on any node or on one."""
    where = ("-w", node) if node else ()
    return called("squeue", "-h", "-t", "RUNNING", "-o", "%i", *where).split()


def processes(node: str, folder: Path) -> list[psutil.Process]:
    """The daemon of a node, its job steps and everything below them."""
    daemon = psutil.Process(int((folder / f"run/slurmd.{node}.pid").read_text()))
    jobs = called("squeue", "-h", "-t", "RUNNING", "-o", "%A", "-w", node).split()
    steps = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (words := " ".join(process.info["cmdline"] or [])).startswith("slurmstepd")
        and any(f"[{job}." in words for job in jobs)
    ]
    return [daemon, *steps, *(child for step in steps for child in step.children(recursive=True))]


def accounted() -> list[tuple[str, str, str]]:
    """(job, state, allocated resources) of everything that SLURM remembers, requeues included."""
    lines = called("sacct", "-X", "-D", "-n", "-P", "-o", "JobID,State,AllocTRES").splitlines()
    return [tuple(line.split("|")) for line in lines]  # type: ignore[misc]


def tables(study: Checkout) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((study / "results/tables").glob("*.csv"))}


def test_a_study_on_slurm_survives_the_loss_of_a_job_and_of_a_node(
    cluster: Path, finished: Checkout, tmp_path: Path
) -> None:
    study = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    # Jobs that need no GPU ask for one here, to see that the request arrives.
    run = Run(study, *TARGETS, "--set-resources", "extract_activations:gpu=1")

    logs = study / "results/logs"
    run.until(lambda: list(logs.glob("train_model/*.log")) and running(), "a model was in training")
    victim = running()[0]
    called("scancel", "--signal=KILL", "--full", victim)

    def a_job_on_n2_of_a_later_stage() -> bool:
        return list(logs.glob("attack_model/*/*.log")) != [] and running("n2") != []

    run.until(a_job_on_n2_of_a_later_stage, "images were attacked on n2")
    for process in processes("n2", cluster):
        process.kill()
    run.until(lambda: "down" in called("sinfo", "-h", "-n", "n2", "-o", "%t"), "the node was missed")
    with (cluster / "again.log").open("w") as log:
        subprocess.run([CLUSTER, "node", cluster, "n2"], stdout=log, stderr=log, check=True)
    run.finish(cluster)

    # The damage was done, and repaired by trying again.
    states = Counter(state.split()[0] for _, state, _ in accounted())
    assert states["NODE_FAIL"] >= 1
    assert states["FAILED"] + states["CANCELLED"] >= 1
    assert run.text.count("Trying to restart job") >= 2
    # No job waits for the outputs of another.
    logs_of_jobs = (study / ".snakemake/slurm_logs").rglob("*.log")
    assert not [log for log in logs_of_jobs if "MissingOutputException" in log.read_text()]

    # Same results as a local run, byte for byte, and a local Snakemake finds nothing to do.
    assert tables(study) == tables(finished)
    assert study.plan(*TARGETS) in ({}, {"tables": 1, "figures": 1})

    assert not [job for job, _, _ in accounted() if "_" in job], "job arrays are not safe, and not used"
    # The GPU was allocated, and light rules were not submitted at all.
    assert any("gres/gpu=1" in allocated for _, _, allocated in accounted())
    assert re.search(r"^localrule collect_cka:", run.text, re.M)
    assert re.search(r"^localrule draw_figure:", run.text, re.M)


def test_a_retry_asks_for_more_memory(cluster: Path, tmp_path: Path) -> None:
    study = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    study.edit("scripts/select_evaluation_images.py", "with job(", "raise SystemExit('out of memory')\nwith job(")
    run = Run(study, "images", "--retries", "1")
    assert run.process.wait() == 1
    asked = re.findall(r"^rule select_evaluation_images:(?:\n    .*)*? mem_mb=(\d+)", run.text, re.M)
    assert asked == ["4000", "8000"]
    last = called("sacct", "-X", "-n", "-o", "ReqMem").split()[-2:]
    assert last == ["4000M", "8000M"]
