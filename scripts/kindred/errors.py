"""The one exception that means: what the user gave does not fit."""


class BadInput(Exception):
    """Bad input, told in one sentence that names the thing, its value and what is allowed.

    Scripts turn it into that sentence and a non-zero exit; nothing else in the package prints or exits.
    """
