"""Worker processes that load the samples of the next steps, through torch's `DataLoader`.

The sampler of the loader is the step number, so a worker needs no state, and a resume starts at its step. Workers are
forked where that is safe: they share the memory of this process, and a data set need not be picklable.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import torch
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from genkit.core.dataset import Dataset
from genkit.core.global_generators import GeneratorWatch
from genkit.core.two_steps import CPU
from genkit.engine.loading import Loaded, StepParts, load
from genkit.engine.part_calls import PartCall
from genkit.errors import PartFailed, UsageError
from genkit.launched import STOP, serve

FORK = "fork" if sys.platform.startswith("linux") else None  # elsewhere torch's default: macOS cannot fork safely
SECONDS_TO_END = 1.0  # of a worker that torch has asked to end


@dataclass(frozen=True)
class Failure:
    """An error of a step, which is raised when that step is due: workers load ahead."""

    error: Exception


@dataclass
class StepReader(TorchDataset[list[Loaded] | Failure]):
    """Loads the micro-batches of this process in a step; the index is the number of the step."""

    data: Dataset
    owner: object
    parts: StepParts
    watch: GeneratorWatch

    def __getitem__(self, step: int) -> list[Loaded] | Failure:
        """Return what is loaded for each micro-batch, or the error that a process without workers would raise."""
        try:
            with PartCall(("data",), self.data, self.owner, step).watched(self.watch):
                return [load(self.data, indices, noise) for indices, noise in self.parts.of(step)]
        except Exception as error:
            return Failure(error if get_worker_info() is None else _picklable(error))


def _picklable(error: Exception) -> Exception:
    """Return the error, or its text if it cannot be sent: the process that trains would wait for it for ever."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return PartFailed(f"{type(error).__name__}: {error}")
    return error


class StepLoader:
    """Iterator over what is loaded for the steps, in their order, by `workers` processes or by this one.

    Raises `UsageError` if the workers cannot be started.
    """

    def __init__(self, reader: StepReader, steps: range, workers: int, *, pin_memory: bool):
        self._reader, self._step = reader, steps.start
        self._processes: list[Any] = []
        self._loaded: Any
        loader = DataLoader(
            reader,
            batch_size=None,  # an item is the batch of a step
            sampler=steps,
            collate_fn=_unchanged,
            num_workers=workers,
            pin_memory=pin_memory,
            worker_init_fn=partial(_start_worker, os.getpid()),
            multiprocessing_context=FORK if workers else None,
            generator=torch.Generator(),  # not the global one, which is watched
        )
        if not workers:
            self._loaded = iter(loader)
            return
        try:
            self._start(loader)
        except (OSError, RuntimeError, pickle.PicklingError, AttributeError, TypeError, AssertionError) as error:
            _free_half_started(error)
            raise UsageError(  # an `AssertionError`: this process is a daemon
                f"[data] {workers} worker processes cannot be started: {error}. Load the data in this process with "
                "--workers 0."
            ) from error

    def _start(self, loader: DataLoader[Any]) -> None:
        """Start the workers. If that fails, none is left."""
        before = set(multiprocessing.active_children())
        atexit.register(self._kill)  # workers ignore SIGTERM, by which Python would end them
        started = False
        try:
            with _undisturbed():
                self._loaded = iter(loader)
            started = True
        finally:
            self._processes = [each for each in multiprocessing.active_children() if each not in before]
            if not started:
                self._kill()
                atexit.unregister(self._kill)

    def __next__(self) -> list[Loaded]:
        """Return what is loaded for the next step. Raises the error of that step; `PartFailed` for a dead worker."""
        dead = self._dead()  # torch itself would notice only after seconds
        if not dead:
            try:
                found = next(self._loaded)
            except (RuntimeError, OSError, EOFError):  # torch's error for a dead worker depends on what it was sending
                ended = wait([process.sentinel for process in self._processes], SECONDS_TO_END)
                for process in self._processes:
                    if process.sentinel in ended:
                        process.join()  # its files are closed before the system has its exit code
                dead = self._dead()
                if not dead:
                    raise
        if dead:  # outside of the handler, so that the error does not keep the loader alive
            raise PartCall(("data",), self._reader.data, self._reader.owner, self._step).failed(
                describe_end(dead[0].exitcode)
            )
        if isinstance(found, Failure):
            raise found.error
        self._step += 1
        return found

    def close(self) -> None:
        """End the workers; kill those that do not end soon, because they are in the middle of a slow read."""
        if len(self._dead()) < len(self._processes):
            impatience = threading.Timer(SECONDS_TO_END, self._kill)
            impatience.start()
            self._loaded = None  # torch asks the workers to end, and waits
            impatience.cancel()
            impatience.join()  # of two threads that wait for a process one gets its exit code, perhaps late
            self._kill()
        self._loaded, self._processes = None, []
        atexit.unregister(self._kill)

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()  # no effect on one that has ended
        for process in self._processes:
            process.join()

    def _dead(self) -> list[Any]:
        return [process for process in self._processes if not process.is_alive()]


def _free_half_started(error: Exception) -> None:
    """Free the iterator that torch could not finish, which only the frames of the error hold, without a message.

    Its `__del__` reads attributes that it does not have yet, and Python would print that error.
    """
    report, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        traceback.clear_frames(error.__traceback__)
    finally:
        sys.unraisablehook = report


def _unchanged(found: Any) -> Any:
    return found


def _start_worker(parent: int, number: int) -> None:
    """Prepare a worker: it ends with its parent, and watches its own global generators."""
    serve(parent)
    info: Any = get_worker_info()
    info.dataset.watch = GeneratorWatch(CPU)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Start workers without signals that reach them before they ignore them, and without torch's own handler.

    torch's handler of SIGCHLD raises an error as soon as a worker dies, anywhere in this process: within an update of
    the weights, or while a checkpoint is written.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before, blocked = signal.getsignal(signal.SIGCHLD), signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning)  # of Python 3.12: a fork beside threads
            yield
    finally:
        signal.signal(signal.SIGCHLD, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def describe_end(code: int) -> str:
    """Return how a worker with this exit code has ended, and what to do; -N: it was killed by the signal N."""
    if code >= 0:
        return f"a worker process that loads the data has ended with exit code {code}. Resume with --workers 0."
    name = signal.Signals(-code).name
    remedies = {
        "SIGKILL": "Perhaps memory ran out: resume with fewer --workers, or with --workers 0.",
        "SIGBUS": "Perhaps shared memory (/dev/shm) is too small: enlarge it, or resume with --workers 0.",
    }
    remedy = remedies.get(name, "Perhaps a sample crashes a library: `genkit data check RECIPE` reads all pictures.")
    return f"a worker process that loads the data was killed by {name}. {remedy}"
