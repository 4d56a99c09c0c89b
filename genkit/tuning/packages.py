"""The packages that searches need, and that genkit does not install by itself."""

from __future__ import annotations

from importlib.util import find_spec

from genkit.errors import UsageError

PACKAGES = ("optuna", "tomlkit")


def require_packages() -> None:
    """Raise `UsageError` unless the packages are installed."""
    if lacking := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(f"genkit tune needs {' and '.join(lacking)}: run pip install 'genkit-torch[tune]'.")
