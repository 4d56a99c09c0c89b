"""Work that the main process leads, and all processes share: an evaluation.

Only the main process runs the code that evaluates. So there is one flow of control, and no process waits for another
that took another branch. Where that code calls `parallel_map(function, items)`, each process computes one item after
another, and the main process gets the results in the order of the items: the same calls, so the same bits, as on one
process. In between the others wait for what comes next, and at the end for the outcome.

A process holds one result, and the main process one of each process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from genkit.core.metric import ParallelMap
from genkit.engine.by_name import UNSENDABLE, ByName
from genkit.engine.distributed import World
from genkit.engine.outcome import Outcome
from genkit.errors import GenkitError

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Work:
    """One item for each process; the last processes may get none."""

    function: bytes
    items: bytes


def led_by_main(
    world: World, do: Callable[[ParallelMap], Result], objects: Callable[[], Mapping[str, object]]
) -> Result:
    """Call `do` on the main process with a map that all processes share; return its result on every process.

    `objects` returns those that functions of the map may use, under the same names on every process. A `GenkitError` of
    any process is raised on all. Call this on all processes.
    """
    if world.size == 1:
        return do(map)
    messages = ByName(objects(), world.device)
    if world.is_main:
        outcome = Outcome.of(lambda: do(lambda function, items: _shared(world, messages, function, items)))
        return world.from_main(outcome).get()
    while isinstance(command := world.from_main(None), _Work):
        world.gather_on_main(_reply(world.rank, messages, command))
    return command.get()


def _shared(world: World, messages: ByName, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield function(item) of each item in order, computed by all processes."""
    waiting = list(items)
    try:
        packed = messages.write(function)
    except UNSENDABLE:  # such as a lambda: this process computes it alone
        yield from map(function, waiting)
        return
    for start in range(0, len(waiting), world.size):
        now = waiting[start : start + world.size]
        world.from_main(_Work(packed, messages.write(now)))
        own = _attempt(function, now[0])
        replies = world.gather_on_main(None)
        yield own()
        for item, (done, reply) in zip(now[1:], replies[1:], strict=False):
            if isinstance(reply, GenkitError):
                raise reply
            # What failed there is computed here, so that an error names its place, as with one process.
            yield messages.read(reply) if done else function(item)


def _attempt(function: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
    """Return a function that returns the result for the item, or raises the error: first the others' are collected."""
    try:
        result = function(item)
    except (Exception, SystemExit, GeneratorExit) as error:
        raised = error

        def fail() -> Any:
            raise raised

        return fail
    return lambda: result


def _reply(rank: int, messages: ByName, work: _Work) -> tuple[bool, bytes | GenkitError | None]:
    """Return whether this process has computed its item, and the result or the error."""
    try:
        items = messages.read(work.items)
        if rank >= len(items):
            return False, None
        return True, messages.write(messages.read(work.function)(items[rank]))
    except GenkitError as error:
        return False, error
    except (Exception, SystemExit, GeneratorExit):
        return False, None
