"""Calls from the page: one at a time, and with errors as texts that the page shows."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from genkit.demo.texts import alert
from genkit.errors import GenkitError

TURN = Lock()
"""Held by a call: the condition of a model and the global random generators are states that calls share."""


def shown(function: Callable[..., tuple[Any, ...]], results: int) -> Callable[..., tuple[Any, ...]]:
    """Return the function with one more result: the message of an error, as HTML; empty without one.

    `results` is the number of its own results; after an error they are None, so that no old picture is taken for new.
    """

    def call(*given: Any) -> tuple[Any, ...]:
        try:
            with TURN:
                return (*function(*given), "")
        except GenkitError as error:
            text = str(error)
        except Exception as error:  # of a part of a plugin, say: the page stays usable
            text = f"{type(error).__name__}: {error}"
        return (*(None for _ in range(results)), alert(text))

    return call
