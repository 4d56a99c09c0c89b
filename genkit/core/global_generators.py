"""The global random generators of torch, NumPy and Python.

A run does not depend on their states: they are not in a checkpoint, so a resumed run would draw other numbers, and each
of several processes would draw its own. Parts draw from the `Noise` that they are given.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded_generators(seed: int) -> Iterator[None]:
    """Run the block with all global generators seeded, then restore their states.

    For code that takes no `Noise`: the initial weights of a network, and metrics.
    """
    with restored_generators():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield


@contextmanager
def restored_generators() -> Iterator[None]:
    """Run the block, then restore the states of all global generators."""
    numpy, python = np.random.get_state(), random.getstate()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        np.random.set_state(numpy)
        random.setstate(python)


class GeneratorWatch:
    """Finds out which global generators were drawn from between two calls.

    A state of NumPy or Python has 2.5 kB and takes 30 µs to read. So each of them has a twin that starts with the same
    state, and a call draws one number from both: the numbers differ if anything was drawn in between.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._python = random.Random()
        self._python.setstate(random.getstate())
        self._numpy = _twin_of_numpy()
        self._torch = self._torch_states()

    def moved(self) -> list[str]:
        """Return the libraries whose global generator has moved since the last call."""
        states = self._torch_states()
        same = {
            "torch": all(map(torch.equal, self._torch, states)),
            "NumPy": np.random.random_sample() == self._numpy.random_sample(),
            "Python": random.random() == self._python.random(),
        }
        self._torch = states
        if not same["NumPy"]:
            self._numpy = _twin_of_numpy()
        if not same["Python"]:
            self._python.setstate(random.getstate())
        return [name for name, equal in same.items() if not equal]

    def _torch_states(self) -> list[Tensor]:
        """Return the state of the generator of the CPU, and of the accelerator, which has its own."""
        states = [torch.get_rng_state()]
        if self._device.type != "cpu":
            states.append(torch.get_device_module(self._device).get_rng_state())  # of the current device
        return states


def _twin_of_numpy() -> np.random.RandomState:
    """Return a generator that will draw the numbers of NumPy's global one."""
    state = np.random.get_state(legacy=False)  # the host program may have chosen another bit generator
    twin = np.random.RandomState(getattr(np.random, state["bit_generator"])())
    twin.set_state(state)
    return twin
