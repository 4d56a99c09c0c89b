"""Standard output and error: their encoding, and their loss.

An output can be lost while a command works: the reader of a pipe ends (``genkit run ... | head``), a disk is full, a
terminal closes. The command goes on without it, because what it trains and writes does not depend on being printed.
"""

from __future__ import annotations

import errno
import io
import select
import sys
from typing import Any, TextIO

from genkit.console.ascii_forms import ASCII_FORMS


def protect_streams() -> None:
    """Let no print raise: a character that the encoding lacks is written in ASCII, and a lost output is silent.

    A finished training must not end with a traceback because a terminal cannot show a Greek letter.
    """
    sys.stdout, sys.stderr = _protected(sys.stdout), _protected(sys.stderr)


def lost_output() -> OSError | None:
    """Return why standard output could not be written; None if it could, if its reader has ended, or if it is excused.

    A reader that ends, such as ``head``, has all that it wants.
    """
    stream = _bytes_of(sys.stdout)
    if not isinstance(stream, LastingStream) or stream.excused:
        return None
    sys.stdout.flush()
    return None if stream.loss is None or stream.loss.errno == errno.EPIPE else stream.loss


def excuse_lost_output() -> None:
    """Let `lost_output` return None: the command has saved all that it prints."""
    stream = _bytes_of(sys.stdout)
    if isinstance(stream, LastingStream):
        stream.excused = True


class LastingStream(io.FileIO):
    """Bytes of an output. They are written until the first error, and dropped from then on."""

    loss: OSError | None = None  # the first error
    excused = False

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Write the bytes, or drop them. Wait for an output that is not ready, which only one without blocking is."""
        while self.loss is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.loss = error
                break
            if written is not None:
                return written
            select.select([], [self], [])
        return len(data)


def _protected(stream: TextIO) -> TextIO:
    """Return a stream that writes to the same file; the stream itself if it is no file, or None (closed)."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors=ASCII_FORMS)
    if type(_bytes_of(stream)) is not io.FileIO:
        return stream
    stream.flush()
    raw: Any = LastingStream(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=ASCII_FORMS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _bytes_of(stream: TextIO | None) -> object:
    """Return the unbuffered stream of bytes below a stream of text; None if there is none."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
