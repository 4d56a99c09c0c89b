"""What Accelerate shares within a process, kept for the program that calls genkit.

All Accelerators of a process share one state: device, precision, accumulation. A second Accelerator of another
precision is an error, yet a program may train recipes of several precisions, and have an Accelerator of its own. The
state classes are singletons, and Accelerate has no public function that forgets or restores one. `_shared_state` is the
one private name that genkit uses of it, and here only.
"""

from __future__ import annotations

from accelerate.state import AcceleratorState, GradientState, PartialState


class HostAccelerate:
    """The states that Accelerate held when this object was made."""

    def __init__(self) -> None:
        self._kept = [
            (kind._shared_state, dict(kind._shared_state)) for kind in (PartialState, AcceleratorState, GradientState)
        ]

    def restore(self) -> None:
        """Let all Accelerators of the host program work as before."""
        for shared, kept in self._kept:
            shared.clear()
            shared.update(kept)


def forget_precision() -> None:
    """Let the next Accelerator choose its precision; it stays in the process group and on the device of the last."""
    AcceleratorState._shared_state.clear()


def forget_group() -> None:
    """Let the next Accelerator form a group, after the last one has failed to."""
    AcceleratorState._shared_state.clear()
    PartialState._shared_state.clear()
