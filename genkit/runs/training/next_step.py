"""Errors of a training with the run and the next step: how the user goes on, on the command line or in Python."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from genkit.engine.distributed import World
from genkit.engine.out_of_memory import describe_out_of_memory, is_out_of_memory
from genkit.errors import Diverged, GenkitError, Interrupted, ProcessLost, RunError, UsageError
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.os_errors import describe_os_error


class NextStep(Protocol):
    """What the user can do with a run that has ended early, in the words of a command line or of Python."""

    def resume(self, folder: RunFolder) -> str:
        """Return the sentence that tells how the run is continued."""
        ...

    def evaluate(self, folder: RunFolder) -> str:
        """Return the call that evaluates the run, with a verb after it: "`genkit eval RUN` evaluates"."""
        ...

    def start_again(self, folder: RunFolder) -> str:
        """Return the call that starts a new run of its recipe with a changed key."""
        ...


@dataclass(frozen=True)
class Commands:
    """The next commands. `processes` are those that train together."""

    processes: int = 1

    def resume(self, folder: RunFolder) -> str:
        """Return the sentence that tells how the run is continued."""
        several = f" --processes {self.processes}" if self.processes > 1 else ""
        return f"Continue with: genkit resume {shlex.quote(str(folder.path))}{several}"

    def evaluate(self, folder: RunFolder) -> str:
        """Return the command that evaluates the run."""
        return f"`genkit eval {shlex.quote(str(folder.path))}`"

    def start_again(self, folder: RunFolder) -> str:
        """Return the command that starts a new run of its recipe."""
        return f"`genkit run {shlex.quote(str(folder.resolved))} --set TABLE.KEY=VALUE`"


@dataclass(frozen=True)
class Calls:
    """The next calls in Python. `with_data`: the samples are in memory, so a call needs them again."""

    with_data: bool = False

    def resume(self, folder: RunFolder) -> str:
        """Return the sentence that tells how the run is continued."""
        return f"Continue with: genkit.resume({str(folder.path)!r}{', data=...' * self.with_data})"

    def evaluate(self, folder: RunFolder) -> str:
        """Return the call that evaluates the run."""
        return f"`genkit.evaluate({str(folder.path)!r}{', data=...' * self.with_data})`"

    def start_again(self, folder: RunFolder) -> str:
        """Return the call that starts a new run of its recipe."""
        changed = f'genkit.read_recipe({str(folder.resolved)!r}).set("TABLE.KEY=VALUE")'
        return f"`genkit.train({changed}{', data=...' * self.with_data})`"


IN_PYTHON = Calls()


@contextmanager
def with_next_step(folder: RunFolder, plan: Plan, world: World, next_step: NextStep) -> Iterator[None]:
    """Add the run and the next step to an error of the block. An unknown error keeps its traceback."""
    try:
        yield
    except GenkitError as error:
        if not error.alone:  # every process raises this error; the next one may be raised by one process only
            with suppress(ProcessLost):
                world.close()
        explained = _explain(error, folder, next_step)
        explained.alone = error.alone
        raise explained from error.__cause__
    except KeyboardInterrupt:  # before the first step, in an evaluation, or a second Ctrl-C
        raise Interrupted(f"{_stopped(folder, plan)} {next_step.resume(folder)}") from None
    except OSError as error:
        place = Path(error.filename or folder.path)
        text = f"{place}: {describe_os_error(error, place)}. The checkpoints already written are kept. "
        raise _alone(RunError(text + next_step.resume(folder))) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        train = plan.recipe.train
        raise _alone(
            UsageError(
                f"{describe_out_of_memory(error)}\n[train] batch_size = {train.batch_size}, accumulate = "
                f"{train.accumulate}: use a smaller batch_size, a larger accumulate, or a smaller [model]. "
                "`genkit plan` estimates the memory."
            )
        ) from None


def _stopped(folder: RunFolder, plan: Plan) -> str:
    """Return what a run that stops immediately has saved."""
    if saved := folder.saved_steps():
        return f"stopped immediately; the state after step {saved[-1]} of {plan.steps} is saved."
    return "stopped immediately; no state is saved yet, so the run will start from step 0."


def _explain(error: GenkitError, folder: RunFolder, next_step: NextStep) -> GenkitError:
    resume = next_step.resume(folder)
    match error:
        case Interrupted():
            return Interrupted(f"{error} {resume}")
        case ProcessLost():
            return ProcessLost(f"{error} The checkpoints already written are kept. {resume}")
        case Diverged():
            return Diverged(f"{error} {_after_divergence(folder, next_step)}")
        case RunError():
            return RunError(f"{error}\nThe recipe of this run is {folder.resolved}. {resume}")
        case _:
            return error


def _after_divergence(folder: RunFolder, next_step: NextStep) -> str:
    """Return where the run is, and what can be done with it; a resume would diverge again."""
    if saved := folder.saved_steps():
        evaluate = next_step.evaluate(folder)
        return f"The run folder is {folder.path}; {evaluate} evaluates its checkpoint of step {saved[-1]}."
    return (
        f"The run folder is {folder.path}. It has no checkpoint, and a resume would diverge again: start a new run "
        f"with {next_step.start_again(folder)}."
    )


def _alone(error: GenkitError) -> GenkitError:
    error.alone = True
    return error
