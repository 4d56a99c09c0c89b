"""Errors and warnings for the user, and files that the user names."""

from genkit.errors import GenkitWarning, UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.regular_file import check_regular, open_regular
from genkit.storage.user_path import user_path

__all__ = [
    "GenkitWarning",
    "UsageError",
    "check_regular",
    "describe_os_error",
    "open_regular",
    "user_path",
]
