"""Jobs: the log, one message for bad input, tracebacks for bugs, progress on a terminal or in the log."""

import io
import logging
import os
import subprocess
import sys
import termios
import warnings
from pathlib import Path

import pytest
import torch
from kindred.workflow import job
from kindred.workflow.errors import BadInput

SCRIPTS = Path(__file__).parents[1] / "scripts"
MESSAGE = "images.size is 4; it must be at least 8."


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "deep" / "some.log"


def script(work: str, log_file: Path) -> subprocess.CompletedProcess[str]:
    code = f"""
from kindred.workflow.errors import BadInput
from kindred.workflow.job import job, log
with job({str(log_file)!r}):
    {work}
print("after")
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_that_succeeds(log_file: Path) -> None:
    done = script("log.info('%d images', 3)", log_file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "after\n", "")
    lines = log_file.read_text().splitlines()
    assert len(lines) == 2 and lines[0].endswith("  3 images") and "done in 0.0 s" in lines[1]


def test_bad_input_is_one_message(log_file: Path) -> None:
    done = script(f"raise BadInput({MESSAGE!r})", log_file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == f"kindred: {MESSAGE}"
    text = log_file.read_text()
    assert text.strip().endswith(MESSAGE) and len(text.splitlines()) == 1
    assert "Traceback" not in done.stderr + text


def test_bad_input_from_another_error_is_one_message(log_file: Path) -> None:
    work = f"""
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise BadInput({MESSAGE!r}) from error
    """
    done = script(work.strip(), log_file)
    assert (done.returncode, done.stderr.strip()) == (1, f"kindred: {MESSAGE}")


def test_a_bug_leaves_its_traceback_on_stderr_and_in_the_log(log_file: Path) -> None:
    done = script("1 / 0", log_file)
    assert (done.returncode, done.stdout) == (1, "")
    for text in (done.stderr, log_file.read_text()):
        assert "Traceback" in text and "ZeroDivisionError: division by zero" in text
    assert "kindred:" not in done.stderr


def test_warnings_go_to_the_terminal(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with job.job(log_file):
        job.log.info("not printed")
        job.log.warning("a model guesses")
    assert capsys.readouterr().err == "kindred: a model guesses\n"
    assert "a model guesses" in log_file.read_text() and "not printed" in log_file.read_text()
    job.log.warning("after the job")
    assert "after the job" not in log_file.read_text()


def test_jobs_in_this_process(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit, job.job(log_file):
        raise BadInput(MESSAGE)
    assert exit.value.code == 1
    assert capsys.readouterr().err.strip() == f"kindred: {MESSAGE}"
    with pytest.raises(KeyError, match="some"), job.job(log_file):
        raise KeyError("some")
    assert "KeyError: 'some'" in log_file.read_text()
    assert MESSAGE not in log_file.read_text()  # the log of the last run only
    with pytest.raises(KeyboardInterrupt), job.job(log_file):
        raise KeyboardInterrupt


def test_a_job_leaves_no_handlers_behind(tmp_path: Path) -> None:
    with job.job(tmp_path / "first.log"):
        job.log.info("one")
    with pytest.raises(SystemExit), job.job(tmp_path / "second.log"):
        raise BadInput(MESSAGE)
    with job.job(tmp_path / "third.log"):
        job.log.info("three")
        warnings.warn("a warning", stacklevel=1)
    first, third = ((tmp_path / name).read_text() for name in ("first.log", "third.log"))
    assert "one" in first and "three" not in first and "a warning" not in first
    assert "three" in third and third.count("UserWarning: a warning") == 1
    assert not job.log.handlers and not logging.getLogger("py.warnings").handlers
    with pytest.warns(UserWarning, match="after the jobs"):
        warnings.warn("after the jobs", stacklevel=1)


def test_number_of_threads(log_file: Path) -> None:
    before = torch.get_num_threads()
    try:
        with job.job(log_file, threads=2):
            assert torch.get_num_threads() == 2
        with job.job(log_file):
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_setting_threads_does_not_import_torch(log_file: Path) -> None:
    done = script("import sys; log.info('torch' in sys.modules)", log_file)
    assert done.returncode == 0 and log_file.read_text().splitlines()[0].endswith("False")


class Clock:
    """A clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(job.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    return Clock(monkeypatch)


def test_progress_in_the_log_without_a_terminal(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kindred")
    passed = []
    for item in job.progress(range(100), "attacking"):
        passed.append(item)
        clock.now += 1
    assert passed == list(range(100))
    assert [record.getMessage() for record in caplog.records] == [
        f"attacking: {done} of 100" for done in (21, 42, 63, 84)
    ]


def test_quick_work_logs_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kindred")
    assert list(job.progress(range(10_000), "attacking")) == list(range(10_000))
    assert list(job.progress([], "attacking")) == []
    assert not caplog.records


def test_progress_of_unknown_and_of_given_length(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kindred")
    for total in (None, 7):
        for _ in job.progress(iter("ab"), "models", total=total):
            clock.now += 30
    assert [record.getMessage() for record in caplog.records] == ["models: 1 of ?", "models: 1 of 7"]


def test_progress_bar_on_a_terminal() -> None:
    code = "import sys; from kindred.workflow.job import progress\n"
    code += "list(progress('abc', 'attacking')); print(file=sys.stderr)"
    reader, terminal = os.openpty()
    try:
        termios.tcsetwinsize(terminal, (24, 80))
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, stderr=terminal, check=False
        )
        output = os.read(reader, 10_000).decode()
    finally:
        os.close(terminal)
        os.close(reader)
    assert done.returncode == 0
    assert "attacking:" in output and "/3" in output
