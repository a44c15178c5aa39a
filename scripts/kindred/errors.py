"""The one exception that means: what the user gave does not fit; and how its sentences shorten what is long."""

from collections.abc import Iterable


class BadInput(Exception):
    """Bad input, told in one sentence that names the thing, its value and what is allowed.

    Scripts turn it into that sentence and a non-zero exit; nothing else in the package prints or exits.
    """


def first_line(error: Exception) -> str:
    """The reason of an error in short: its first sentence, or its kind where it gives none."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0].strip()
    return first or type(error).__name__


def some(items: Iterable[object], separator: str = ", ") -> str:
    """The first three, then dots."""
    items = list(items)
    return separator.join(map(str, items[:3])) + (", ..." if len(items) > 3 else "")
