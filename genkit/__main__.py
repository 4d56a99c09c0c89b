"""Entry point of ``genkit`` and of ``python -m genkit``."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from types import FrameType

STOPPED = 130  # the exit code of a command that Ctrl-C has stopped, as in shells
TOO_EARLY = "stopped before the command began; nothing was written."


def main() -> None:
    """Run the command line as the only work of this process: Ctrl-C ends it with one line, whatever the moment.

    Python would print a traceback of whatever it was importing, and an interrupt can be lost within an import. A
    request that comes after the command, when Python takes a moment to end, leaves the exit code as it is.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end_before_command)
    from genkit.launched import STOP

    heeded = [number for number in STOP if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        # Called last: Python then takes its handlers away, and a signal would end it with another exit code.
        atexit.register(signal.signal, number, signal.SIG_IGN)
    code = 1
    try:
        run_command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        raise
    finally:
        for number in heeded:
            signal.signal(number, lambda *given: _end(code))


def _end_before_command(number: int, frame: FrameType | None) -> None:
    """End this process, which has only imported so far. Of several processes, the one that started them reports."""
    if "GENKIT_LAUNCHER" not in os.environ:
        os.write(2, f"{TOO_EARLY}\n".encode())
        os._exit(STOPPED)
    from genkit.launched import UNSAID, is_started_by_genkit

    os._exit(UNSAID if is_started_by_genkit() else STOPPED)


def _end(code: int) -> None:
    """End this process, whose command has ended, with the exit code of that."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, RuntimeError, ValueError):  # closed, lost, or flushed at this moment
            continue
    os._exit(code)


def run_command() -> None:
    """Run the command that ``sys.argv`` names. Print the message of a `GenkitError` to stderr and exit with its code.

    A command whose output is lost exits with 1 at least, unless it has saved what it prints.
    """
    from genkit.cli import app
    from genkit.cli.show.stopped import with_a_line_if_stopped
    from genkit.console.escapes import escaped, with_one_line_names
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
            with with_a_line_if_stopped(), interruptible():
                app(prog_name="genkit")  # also for `python -m genkit`: shell completion is of this name
        finally:
            if is_started_by_genkit():
                ignore_requests()
    except GenkitError as error:
        if isinstance(error, ProcessLost) and is_started_by_genkit():
            sys.exit(LOST)
        if error.alone or is_main_process():
            message = f"error: {error}" if error.exit_code != 130 else str(error)
            print(escaped(with_one_line_names(message, sys.argv[1:])), file=sys.stderr)
        else:
            let_main_process_print()
        sys.exit(error.exit_code)
    except (MemoryError, RuntimeError) as error:
        from genkit.engine.out_of_memory import describe_out_of_memory, is_out_of_memory

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
