"""Facts about measures that jobs are given, for tests of comparisons."""

from kindred.similarity.catalogue import measure


def facts(*names: str) -> dict[str, dict[str, str]]:
    """{name: {module, between}} of measures, as rules give them to scripts."""
    return {name: {key: getattr(measure(name), key) for key in ("module", "between")} for name in names}
