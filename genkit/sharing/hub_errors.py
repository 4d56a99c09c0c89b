"""Errors of huggingface_hub, as errors of genkit that name the repository, the cause and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genkit.errors import UsageError

HTTP_LIBRARIES = ("httpx", "requests", "urllib3")  # below huggingface_hub; which one depends on its version
LOGIN = "`hf auth login` stores a token, and the variable HF_TOKEN holds one."
OFFLINE = "offline mode is on (HF_HUB_OFFLINE)"


@contextmanager
def hub_errors(repository: str) -> Iterator[None]:
    """Turn an error of the hub, or of the way to it, into a `UsageError` that begins with the repository."""
    from huggingface_hub import constants, errors

    def refusal(reason: str) -> UsageError:
        return UsageError(f"{repository}: {reason}")

    where = constants.ENDPOINT
    try:
        yield
    except errors.HFValidationError as error:
        raise refusal(f"not a name on the hub: {_first_line(error)}") from None
    except errors.GatedRepoError:
        raise refusal(f"its authors grant access on request. Ask for it at {where}/{repository}; {LOGIN}") from None
    except errors.RepositoryNotFoundError:
        raise refusal(
            f"{where} has no such repository, or shows it to others only. Check the name and the token; {LOGIN}"
        ) from None
    except errors.RevisionNotFoundError:
        raise refusal("has no such revision. Give a branch, a tag or a commit of the repository.") from None
    except errors.LocalEntryNotFoundError:
        reason = OFFLINE if constants.HF_HUB_OFFLINE else f"{where} cannot be reached"
        raise refusal(f"{reason}, and the model is not in the cache. Repeat the call with a connection.") from None
    except errors.EntryNotFoundError:
        raise refusal("has no config.json, so it is no model that genkit exported.") from None
    except errors.OfflineModeIsEnabled:
        raise refusal(f"{OFFLINE}. Repeat the call with a connection.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        reason = error.server_message or _first_line(error)
        remedy = f"The token has no permission to do this; {LOGIN}" if status in (401, 403) else "Try again later."
        raise refusal(f"{where} refused ({status}): {reason.rstrip('.')}. {remedy}") from None
    except Exception as error:
        if not is_unreachable(error):
            raise
        raise refusal(f"{where} cannot be reached: {_first_line(error)}. Repeat the call with a connection.") from None


def is_unreachable(error: Exception) -> bool:
    """Return whether an error says that the hub cannot be reached, and not that it refuses."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return False
    return isinstance(error, errors.OfflineModeIsEnabled) or type(error).__module__.startswith(HTTP_LIBRARIES)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
