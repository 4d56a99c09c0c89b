"""The processes that a launcher has started, and the settings that it passes to them, in environment variables."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genkit.errors import UsageError

LAUNCHER = "GENKIT_LAUNCHER"  # set by a genkit command for the genkit processes that it starts
CPU = "ACCELERATE_USE_CPU"  # the one setting of Accelerate that genkit obeys
VISIBLE_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")  # those of a process
ELASTIC = "TORCHELASTIC_RUN_ID"  # set by torchrun and by `accelerate launch`
LOST = 71  # exit code of one of several genkit processes that another one has left alone; the command reports that one
UNSAID = 72  # exit code of one that was stopped before it could say what becomes of the run; the command reports that
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_PRINT = 10.0  # that the main process has to print an error of all processes

# Variables of Accelerate that would replace the engine or its choices, and why genkit does not train that way.
REFUSED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed would run the backward and the optimisers of genkit's phases",
    "ACCELERATE_USE_FSDP": "FSDP would split networks that several phases share and train separately",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM would replace the networks and the training loop",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "tensor, context and sequence parallelism would split the networks",
    "ACCELERATE_TORCH_DEVICE": "each process takes the device of its own number",
}
TRUE, FALSE = ("1", "true", "t", "yes", "y", "on"), ("", "0", "false", "f", "no", "n", "off")

# The signals that ask a command to stop. Terminals and schedulers send them to every process of a command.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
STOP = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


def announced_size() -> int:
    """Return the number of processes that a launcher has started; 1 without a launcher.

    Raises `UsageError` if WORLD_SIZE is not a positive integer.
    """
    return _number("WORLD_SIZE", "the number of processes", default=1, lowest=1)


def local_size() -> int:
    """Return the number of processes that a launcher has started on this machine; 1 if it does not tell.

    Raises `UsageError` if LOCAL_WORLD_SIZE is not a positive integer.
    """
    if announced_size() == 1:
        return 1
    return _number("LOCAL_WORLD_SIZE", "the number of processes on this machine", default=1, lowest=1)


def check_announced() -> int:
    """Return the number of this process on its machine, from 0; 0 for the only process.

    Raises `UsageError` unless the variables of the launcher tell this process its place among several.
    """
    size = announced_size()
    if size == 1:
        return 0
    rank = _number("RANK", "the number of this process, from 0")
    if rank >= size:
        raise UsageError(f"RANK={rank}: expected less than WORLD_SIZE={size}. {REMEDY}")
    _number("MASTER_PORT", "the port of the main process", default=0)
    return _number("LOCAL_RANK", "the number of this process on its machine, from 0", default=0)


def is_shown_one_device() -> bool:
    """Return whether a launcher shows this process one GPU only, as ``srun --gpus-per-task=1`` does.

    Then each process may have another one, though the rank within the machine is larger than the number of GPUs.
    """
    return any("," not in value for name in VISIBLE_DEVICES if (value := os.environ.get(name, "")))


def is_cpu_asked_for() -> bool:
    """Return whether the launcher asks for a training on the CPU. Raises `UsageError` for a value that is no answer."""
    value = os.environ.get(CPU, "")
    if value.lower() not in (*TRUE, *FALSE):
        raise UsageError(f"{CPU}={value}: expected true or false. Unset this environment variable.")
    return value.lower() in TRUE


def refuse_other_engines() -> None:
    """Raise `UsageError` if the launcher asks for an engine other than genkit's. Names all such variables."""
    refused = [
        f"{name}={value}: {reason}, so genkit refuses it. Launch without it: `genkit run RECIPE --processes N`, or "
        "`accelerate launch --multi_gpu` with a configuration that does not set it."
        for name, reason in REFUSED.items()
        if (value := os.environ.get(name, "")).lower() not in FALSE
    ]
    if refused:
        raise UsageError("\n".join(refused))


def launcher_setting(name: str) -> str:
    """Return the value of a setting of Accelerate, such as MIXED_PRECISION, in lower case; empty if it is not set."""
    return os.environ.get(f"ACCELERATE_{name}", "").lower()


@contextmanager
def hidden_from_accelerate(size: int) -> Iterator[None]:
    """Hide the settings of Accelerate, and of a process on its own what looks as if a launcher had started it."""
    alone = ("RANK", "LOCAL_RANK", "WORLD_SIZE") if size == 1 else ()
    names = [name for name in os.environ if name.startswith("ACCELERATE_") or name in alone]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def is_main_process() -> bool:
    """Return whether this process prints for the command: the only process, or the main one of several.

    RANK alone is no sign of several processes: clusters and other programs set it, too. Variables that are no numbers
    count as one process, so that its error is printed.
    """
    try:
        return announced_size() == 1 or _number("RANK", "", default=0) == 0
    except UsageError:
        return True


def is_started_by_genkit() -> bool:
    """Return whether a genkit command has started this process as one of several, and reports how they end."""
    return LAUNCHER in os.environ and announced_size() > 1


def let_main_process_print() -> None:
    """Wait before a process other than the main one ends with an error that the main one prints.

    torchrun stops all processes as soon as the first one has failed, and the main one would be silent. Once that one
    has failed, torchrun ends this wait.
    """
    if ELASTIC in os.environ:
        time.sleep(SECONDS_TO_PRINT)


def stop_with_launcher() -> None:
    """Send this process SIGTERM when the launcher that started it has ended, so that it saves and stops.

    Otherwise the processes of a launcher that was killed would train on, and keep their run locked.
    """
    if LAUNCHER in os.environ or ELASTIC in os.environ:
        threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def serve(parent: int) -> None:
    """Let this worker process end with the process `parent` that started it, and by no request to stop.

    The parent receives such requests, too, and needs its workers until it has saved. If it is killed, nobody else would
    end them.
    """
    for number in STOP:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)  # they were blocked while this process started
    report = sys.excepthook

    def report_with_parent(*error: Any) -> None:
        time.sleep(SECONDS_BETWEEN_LOOKS)  # the system closes the connections of the parent first
        if os.getppid() == parent:
            report(*error)

    sys.excepthook = report_with_parent  # else each connection to a parent that was killed would print a traceback
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


REMEDY = (
    "A launcher sets this environment variable; unset it, or start several processes with "
    "`genkit run RECIPE --processes N`."
)


def _number(name: str, meaning: str, *, default: int | None = None, lowest: int = 0) -> int:
    """Return the value of an environment variable. Raises `UsageError` if it is no number of at least `lowest`."""
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    try:
        number = int(text or "")
    except ValueError:
        number = lowest - 1
    if number < lowest:
        found = f"{name}={text}" if text is not None else f"{name} is not set"
        raise UsageError(f"{found}: expected {meaning}. {REMEDY}")
    return number
