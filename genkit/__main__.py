"""Entry point of ``genkit`` and of ``python -m genkit``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Print the message of a `GenkitError` to stderr and exit with its code.

    A command whose output is lost exits with 1 at least, unless it has saved what it prints.
    """
    from genkit.cli import app
    from genkit.cli.launch import leave_exit_code
    from genkit.console.escapes import escaped
    from genkit.console.streams import lost_output, protect_streams
    from genkit.errors import GenkitError
    from genkit.launched import is_main_process
    from genkit.runs.signals import interruptible

    protect_streams()
    try:
        with interruptible():
            app(prog_name="genkit")  # also for `python -m genkit`: shell completion is of this name
    except GenkitError as error:
        if is_main_process():
            message = f"error: {error}" if error.exit_code != 130 else str(error)
            print(escaped(message), file=sys.stderr)
        sys.exit(leave_exit_code(error.exit_code))
    except SystemExit as end:
        if not end.code and (loss := lost_output()):
            print(f"error: standard output: cannot be written: {loss.strerror}.", file=sys.stderr)
            sys.exit(1)
        raise


if __name__ == "__main__":
    main()
