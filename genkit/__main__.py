"""The command ``genkit``, and ``python -m genkit``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a `GenkitError` becomes its message and its exit code."""
    from genkit.cli import app
    from genkit.cli.launch import leave_exit_code
    from genkit.errors import GenkitError
    from genkit.runs.signals import interruptible

    try:
        with interruptible():
            app()
    except GenkitError as error:
        if os.environ.get("RANK", "0") == "0":  # one voice among several processes
            print(f"error: {error}" if error.exit_code != 130 else error, file=sys.stderr)
        sys.exit(leave_exit_code(error.exit_code))


if __name__ == "__main__":
    main()
