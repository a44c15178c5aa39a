"""Files from the Hugging Face hub or its cache."""

from pathlib import Path

from kindred.workflow.errors import BadInput, first_line
from kindred.workflow.job import log


def download(repository: str, *names: str) -> Path:
    """The first of these files that a repository has, from the cache where it is there.

    repository: `org/name`, or `org/name@revision`. The hub's client resumes, verifies and renames, so there is never
    half a file under the final name. Raises BadInput where there is none, or it is not cached and the hub cannot be
    reached.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError

    repository, _, revision = repository.partition("@")
    first = f"{repository}/{names[0]}"
    try:
        for at, name in enumerate(names, 1):
            try:
                file = Path(hf_hub_download(repository, name, revision=revision or None))
            except EntryNotFoundError:
                if at == len(names):
                    raise
                continue
            log.info("%s of %s: %s", name, repository, file)
            return file
    except LocalEntryNotFoundError as error:
        reason = "HF_HUB_OFFLINE is set" if HF_HUB_OFFLINE else "the hub cannot be reached"
        raise BadInput(
            f"'{first}' is not in the hub's cache and {reason}: fetch it where there is a network (`snakemake "
            "checkpoints`), or give the weights as a file with the key weights"
        ) from error
    except RepositoryNotFoundError as error:
        raise BadInput(f"'{first}' is not on the hub, or is not public: {first_line(error)}") from error
    except EntryNotFoundError as error:
        raise BadInput(f"'{first}' is not on the hub: its repository has no such file") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"'{first}' cannot be fetched from the hub: {first_line(error)}") from error
    raise AssertionError("names are empty")
