"""An inversion whose process is killed in the middle goes on after its last chunk, and ends as if nothing had been."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
from workflow import ONE_THREAD, Checkout

TARGET = "results/images/inverted/jones/vgg-std.zarr"
CHUNKS = 6


def contents(path: Path) -> dict[str, str]:
    """Every file of a store by its hash; without Snakemake's time stamp."""
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def kill_after_first_chunk(study: Checkout, chunks: Path) -> int:
    """Run the job, kill its process (SIGKILL) once one chunk is there; the exit status of Snakemake."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", TARGET]
    with (study / "killed.log").open("w") as out:
        running = subprocess.Popen(
            command, cwd=study.folder, env={**os.environ, **ONE_THREAD}, stdout=out, stderr=subprocess.STDOUT
        )
        snakemake = psutil.Process(running.pid)
        while running.poll() is None:
            if list(chunks.glob("0*.zarr")):
                for process in snakemake.children(recursive=True):
                    if any("invert_images.py" in word for word in process.cmdline()) and not process.children():
                        process.kill()
                break
            time.sleep(0.005)
        return running.wait(timeout=300)


def test_a_killed_inversion_resumes_to_the_same_store(study: Checkout) -> None:
    config = study.config()
    config["inversions"]["jones"].update(steps=60, chunk=24 // CHUNKS)
    study.write_config(config)
    store, chunks = study / TARGET, (study / TARGET).with_name(".vgg-std.zarr.chunks")
    whole = study.snakemake(TARGET)
    assert whole.status == 0, whole.text[-4000:]
    expected = contents(store)
    shutil.rmtree(store)

    assert kill_after_first_chunk(study, chunks) != 0, (study / "killed.log").read_text()[-4000:]
    assert not store.exists()
    kept = sorted(chunks.glob("0*.zarr"))
    assert 1 <= len(kept) < CHUNKS

    again = study.snakemake(TARGET)
    assert again.status == 0, again.text[-4000:]
    log = (study / "results/logs/invert_images/jones/vgg-std.log").read_text()
    assert log.count("are kept from an earlier run") == len(kept)
    assert contents(store) == expected
    assert not chunks.exists()
