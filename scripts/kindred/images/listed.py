"""Image files below a folder, at any depth and in a fixed order, and a count of what is passed over."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kindred.workflow.errors import BadInput, first_line
from kindred.workflow.job import log

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff", ".gif")
# Made by operating systems and storage devices beside a user's files, with copies or thumbnails of them.
MADE_BY_SYSTEMS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")
MOST_SUFFIXES = 5  # that the log names


class PassedOver:
    """What lies below a folder of images and is not read, counted for the log."""

    def __init__(self) -> None:
        self.hidden = self.links = self.special = self.beside = 0
        self.suffixes: Counter[str] = Counter()

    def report(self, root: Path) -> None:
        """One line in the log, if there is anything to tell: a warning where whole folders of images may be lost."""
        common = [f"{suffix or 'no suffix'} ({count:,})" for suffix, count in self.suffixes.most_common(MOST_SUFFIXES)]
        more = ", ..." if len(self.suffixes) > MOST_SUFFIXES else ""
        parts = [
            f"{self.hidden:,} hidden files or folders" * bool(self.hidden),
            f"{self.suffixes.total():,} files that do not end as images do: {', '.join(common)}{more}" * bool(common),
            f"{self.beside:,} images beside the folders of classes" * bool(self.beside),
            f"{self.links:,} links to folders within a class, which are not followed" * bool(self.links),
            f"{self.special:,} pipes, sockets or devices" * bool(self.special),
        ]
        if told := [part for part in parts if part]:
            level = log.warning if self.links or self.beside else log.info
            level("not read in '%s': %s", readable(str(root)), "; ".join(told))


def is_hidden(name: str) -> bool:
    """Whether people do not see a file or folder of this name, or did not make it."""
    return name.startswith(".") or name in MADE_BY_SYSTEMS


def is_image(name: str) -> bool:
    """Whether a file's name ends as those of images do, in any case."""
    return name.lower().endswith(SUFFIXES)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, sorted by name. Raises BadInput where it cannot be listed."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"the folder '{readable(str(folder))}' cannot be listed: {first_line(error)}.") from error


def below(folder: Path, passed: PassedOver) -> list[Path]:
    """Every image file below the folder, sorted by path; links to files are followed, links to folders are not.

    Links that lead nowhere are listed, since an image is missing there.
    """
    return sorted(_below(folder, passed), key=lambda path: path.as_posix())


def holds_images(folder: Path) -> bool:
    """Whether there is an image below the folder."""
    return next(_below(folder, PassedOver()), None) is not None


def _below(folder: Path, passed: PassedOver) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        for entry in entries(waiting.pop()):
            if is_hidden(entry.name):
                passed.hidden += 1
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_symlink() and os.path.isdir(entry.path):
                passed.links += 1
            elif not is_image(entry.name):
                passed.suffixes[os.path.splitext(entry.name)[1].lower()] += 1
            elif entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path) or not os.path.exists(entry.path):
                yield Path(entry.path)
            else:
                passed.special += 1


def readable(name: str) -> str:
    r"""A file's name as text on one line: bytes that are not UTF-8, and control characters, become escapes (\xe9)."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return re.sub("[\\x00-\\x1f\\x7f]", lambda found: f"\\x{ord(found[0]):02x}", text)


def from_readable(name: str) -> str:
    """The file's name of which `readable` made this text."""
    return re.sub(r"(?:\\x[0-9a-f]{2})+", lambda found: os.fsdecode(bytes.fromhex(found[0].replace("\\x", ""))), name)
