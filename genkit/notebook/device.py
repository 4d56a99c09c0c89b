"""The device on which the networks of a loaded model compute."""

from __future__ import annotations

import torch

from genkit.errors import UsageError


def usable_device(device: str | torch.device | None, what: str) -> torch.device:
    """Return a device; the CPU for None. Raises `UsageError`, which begins with `what`, if it cannot be used."""
    try:
        place = torch.device(device or "cpu")
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f'{what} "{device}": not available: {reason.rstrip(".")}. Leave it out for the CPU.') from None
    return place
