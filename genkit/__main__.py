"""Entry point of ``genkit`` and of ``python -m genkit``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Print the message of a `GenkitError` to stderr and exit with its code.

    A command whose output is lost exits with 1 at least, unless it has saved what it prints.
    """
    from genkit.cli import app
    from genkit.console.escapes import escaped
    from genkit.console.streams import lost_output, protect_streams
    from genkit.console.warning_lines import print_warnings_as_lines
    from genkit.errors import GenkitError, ProcessLost, UsageError
    from genkit.launched import (
        LOST,
        is_main_process,
        is_started_by_genkit,
        let_main_process_print,
        stop_with_launcher,
    )
    from genkit.runs.signals import ignore_requests, interruptible

    protect_streams()
    print_warnings_as_lines()
    stop_with_launcher()
    try:
        try:
            with interruptible():
                app(prog_name="genkit")  # also for `python -m genkit`: shell completion is of this name
        finally:
            if is_started_by_genkit():
                ignore_requests()
    except GenkitError as error:
        if isinstance(error, ProcessLost) and is_started_by_genkit():
            sys.exit(LOST)
        if error.alone or is_main_process():
            message = f"error: {error}" if error.exit_code != 130 else str(error)
            print(escaped(message), file=sys.stderr)
        else:
            let_main_process_print()
        sys.exit(error.exit_code)
    except (MemoryError, RuntimeError) as error:
        from genkit.engine.part_calls import describe_out_of_memory, is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(escaped(f"error: {describe_out_of_memory(error)} Ask for fewer or smaller samples."), file=sys.stderr)
        sys.exit(UsageError.exit_code)
    except SystemExit as end:
        if not end.code and (loss := lost_output()):
            print(f"error: standard output: cannot be written: {loss.strerror}.", file=sys.stderr)
            sys.exit(1)
        raise


if __name__ == "__main__":
    main()
