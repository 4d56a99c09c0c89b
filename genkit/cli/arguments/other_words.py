"""Words that other programs have for what a command of genkit does."""

from __future__ import annotations

from collections.abc import Iterable

from genkit.near_miss import closest, near_miss

OTHER_WORDS = {
    "check": "plan",
    "continue": "resume",
    "embed": "encode",
    "evaluate": "eval",
    "fit": "run",
    "generate": "sample",
    "help": "--help",
    "init": "plugins new",
    "list": "ls",
    "new": "plugins new",
    "plot": "figures",
    "search": "tune",
    "show": "report",
    "start": "run",
    "sweep": "tune",
    "test": "eval",
    "train": "run",
    "upload": "push",
    "validate": "plan",
    "version": "--version",
}


def command_meant(word: str, commands: Iterable[str]) -> str:
    """Return what a message on an unknown command suggests: commands that are close, else one with another name."""
    commands = list(commands)
    meant = [] if closest(word, commands) else closest(word, OTHER_WORDS)
    if not meant:
        return near_miss(word, commands)
    return f" Did you mean {' or '.join(dict.fromkeys(f'genkit {OTHER_WORDS[each]}' for each in meant))}?"
