"""The exception for bad input from the user, and short forms of long text for its messages."""

from collections.abc import Iterable


class BadInput(Exception):
    """Bad input, with one message that names the thing, its value and what is allowed.

    Scripts print the message and exit with a non-zero status; nothing else in the package prints or exits.
    """


def first_line(error: Exception) -> str:
    """The reason of an error in short: the first sentence of its message, or its class if there is none."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0].strip()
    return first or type(error).__name__


def some(items: Iterable[object], separator: str = ", ") -> str:
    """The first three items as text, followed by dots if there are more."""
    items = list(items)
    return separator.join(map(str, items[:3])) + (", ..." if len(items) > 3 else "")
