"""Columns of tables as the docs state them."""

import csv
import re
from pathlib import Path

from workflow import ROOT


def columns(page: str) -> dict[str, list[str]]:
    """{path below tables: columns} of the rows of a page of docs that name one table."""
    rows = re.findall(r"^\| `tables/([\w/]+\.csv)` \| (?:.*: )?(.*) \|$", (ROOT / "docs" / page).read_text(), re.M)
    return {path: re.sub(r" \([^()]*\)", "", text).split(", ") for path, text in rows}


def undocumented(page: str, tables: Path) -> list[str]:
    """Tables of a page, among those in a folder, whose columns are not as documented; {attack}... is any number."""
    wrong = []
    for path, documented in columns(page).items():
        if (tables / path).exists():
            with (tables / path).open() as file:
                found = ",".join(next(csv.reader(file)))
            several = r"_\w+(,\w+)*"
            wanted = ",".join(re.escape(one) for one in documented).replace(r"_\{attack\}\.\.\.", several)
            if not re.fullmatch(wanted, found):
                wrong.append(f"{path} has {found}, and {page} states {','.join(documented)}")
    return wrong
