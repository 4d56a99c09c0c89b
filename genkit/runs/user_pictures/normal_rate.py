"""The option ``--fpr``, a share of the normal samples or pixels, checked before anything is computed."""

from __future__ import annotations

from genkit.bases.metrics.threshold import samples_above
from genkit.errors import UsageError


def check_rate(number: int, fpr: float, described: str) -> None:
    """Raise `UsageError` for no share above 0 and below 1, and for one of less than 1 of `number` normal values.

    The message of the latter ends with `described`, a clause that says which ones are normal.
    """
    if not 0 < fpr < 1:
        raise UsageError(f"--fpr {fpr:g}: expected a share above 0 and below 1.")
    try:
        samples_above(number, fpr)
    except ValueError as error:
        raise UsageError(f"--fpr {fpr:g}: {error}. {described}.") from None
