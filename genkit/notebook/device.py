"""The device on which the networks of a loaded model compute."""

from __future__ import annotations

import torch

from genkit.errors import UsageError
from genkit.near_miss import closest

KNOWN = ("cpu", "cuda", "mps")
EXPECTED = 'expected "cpu", "cuda", "cuda:1" or "mps"'
OTHER_NAMES = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps"}


def usable_device(device: str | torch.device | None, what: str) -> torch.device:
    """Return a device; the CPU for None. Raises `UsageError`, which begins with `what`, if it cannot be used."""
    try:
        place = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError):
        raise UsageError(f'{what} "{device}": unknown, {EXPECTED}.{_suggestion(str(device))}') from None
    try:
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f'{what} "{device}": not available: {reason.rstrip(".")}. Leave it out for the CPU.') from None
    return place


def _suggestion(device: str) -> str:
    """Return the device that a name may mean, with its number; empty if none is close."""
    name, colon, number = device.strip().lower().partition(":")
    near = [OTHER_NAMES[name]] if name in OTHER_NAMES else closest(name, KNOWN)
    number = f"{colon}{number}" if number.isdecimal() else ""
    return f" Did you mean {' or '.join(f'{chr(34)}{each}{number}{chr(34)}' for each in near)}?" if near else ""
