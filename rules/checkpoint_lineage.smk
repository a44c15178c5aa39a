# Where the checkpoints of imported models come from, and the fingerprints of what is kept of them.


def brought(model):
    """The files on this machine that an imported model is read from: weights, code, descriptions.

    A dry run goes on without files that are not there yet, and says how many; a real one does not.
    """
    paths = origins.files(EVERY_MODEL[model])
    if not workflow.dryrun or all(Path(path).exists() for path in paths):
        return [ancient(path) for path in paths]
    tell_absent()
    return []


@cache
def tell_absent():
    paths = dict.fromkeys(path for model in IMPORTED for path in origins.files(EVERY_MODEL[model]))
    absent = [path for path in paths if not Path(path).exists()]
    logger.warning(
        f"{len(absent)} of {len(paths)} files of weights do not exist yet ({', '.join(absent[:3])}"
        f"{', ...' if len(absent) > 3 else ''}); this dry run plans as if they did."
    )


@cache
def made_checkpoint(model):
    """Files count by their content; a model of a hub by its name, which may hold a revision."""
    entry = EVERY_MODEL[model]
    contents = [fingerprint.of_file(path, HASHES) for path in origins.files(entry)]
    return made("convert_checkpoint", canonical(origins.fetched(entry)), contents)


def converted(model):
    """The checkpoint of an imported model as safetensors, and what its source says of it."""
    return [
        settled(f"<results>/checkpoints/{model}.{kind}", made_checkpoint(model), "convert_checkpoint")
        for kind in ("safetensors", "json")
    ]
