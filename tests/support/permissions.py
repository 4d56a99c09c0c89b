"""Files without permission, also for root, whom the system refuses nothing."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything; another test simulates it"
)


def without_access(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Refuse to list, find and open `place`, if it is a file, and everything below it."""

    def refuse(call: Callable[..., Any]) -> Callable[..., Any]:
        def refused(path: Any, *arguments: Any, **options: Any) -> Any:
            known = isinstance(path, (str, os.PathLike))
            if known and (Path(path).is_relative_to(place) if call is not os.stat else place in Path(path).parents):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return call(path, *arguments, **options)

        return refused

    for owner, name in ((os, "scandir"), (os, "listdir"), (os, "stat"), (io, "open"), (builtins, "open")):
        monkeypatch.setattr(owner, name, refuse(getattr(owner, name)))
