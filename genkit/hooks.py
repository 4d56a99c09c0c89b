"""The eight hooks through which every part of genkit is supplied, its own parts included.

A plugin is a Python package with one entry point in the group ``genkit``. The entry point names a module that
states ``genkit_hooks = 1`` (the version of the hooks that it was written for) and implements any of the hooks below.
Each hook yields `Entry` records. A record holds the *name* of its target, not the target itself, so that listing
plugins imports neither torch nor the parts.

The docstring of each hook is a complete, working plugin module.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pluggy

HOOKS_VERSION = 1
ENTRY_POINT_GROUP = "genkit"

hookspec = pluggy.HookspecMarker("genkit")
hookimpl = pluggy.HookimplMarker("genkit")


class Entry(NamedTuple):
    """One part that a plugin supplies."""

    name: str  # as a recipe writes it, kebab-case, unique per kind
    target: str  # "package.module:attribute", imported on first use
    summary: str  # one line, for `genkit plugins`
    source: str  # the paper or URL that it follows


@hookspec
def genkit_models() -> Iterable[Entry]:
    """Supply networks: subclasses of `genkit.api.Model`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_models():
            yield Entry("tiny-mlp", "my_plugin.model:TinyMLP", "A linear autoencoder", "https://example.org")

    The plan calls the target with the keys of ``[model]`` and with ``data_shape``, the shape of one sample.
    """
    raise AssertionError  # pluggy reads only the signature


@hookspec
def genkit_losses() -> Iterable[Entry]:
    """Supply training objectives: frozen dataclasses with ``phases()``, as in `genkit.api.Loss`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_losses():
            yield Entry("beta-vae", "my_plugin.loss:BetaVAE", "β-VAE", "https://openreview.net/forum?id=Sy2fzU9gl")

    The fields of the dataclass are the keys of ``[loss]``.
    """
    raise AssertionError


@hookspec
def genkit_divergences() -> Iterable[Entry]:
    """Supply divergences between batches of diagonal Gaussians, as in `genkit.api.Divergence`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_divergences():
        yield Entry("wasserstein-2", "my_plugin.w2:Wasserstein2", "Per-sample W2²", "Givens & Shortt 1984")
    """
    raise AssertionError


@hookspec
def genkit_schedules() -> Iterable[Entry]:
    """Supply schedules: functions of the progress t in [0, 1], as in `genkit.api.Schedule`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_schedules():
        yield Entry("step-up", "my_plugin.step:StepUp", "0, then 1 from `at` on", "https://example.org")
    """
    raise AssertionError


@hookspec
def genkit_datasets() -> Iterable[Entry]:
    """Supply data sets, as in `genkit.api.Dataset`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_datasets():
        yield Entry("two-moons", "my_plugin.moons:TwoMoons", "Two half circles", "https://example.org")
    """
    raise AssertionError


@hookspec
def genkit_metrics() -> Iterable[Entry]:
    """Supply metrics: frozen dataclasses that state their protocol, as in `genkit.api.Metric`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_metrics():
        yield Entry("mean-norm", "my_plugin.norm:MeanNorm", "Mean Euclidean norm", "https://example.org")
    """
    raise AssertionError


@hookspec
def genkit_optimisers() -> Iterable[Entry]:
    """Supply optimisers: frozen dataclasses that build a torch optimiser, as in `genkit.api.Optimiser`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_optimisers():
        yield Entry("sgd", "my_plugin.sgd:SGD", "Stochastic gradient descent", "https://example.org")
    """
    raise AssertionError


@hookspec
def genkit_extractors() -> Iterable[Entry]:
    """Supply what makes features of samples, for metrics to compare, as in `genkit.api.Extractor`.

    from genkit.hooks import Entry, hookimpl

    genkit_hooks = 1

    @hookimpl
    def genkit_extractors():
        yield Entry("dino-v2", "my_plugin.dino:DINOv2", "DINOv2 features of images", "https://arxiv.org/abs/2304.07193")
    """
    raise AssertionError


KINDS = ("models", "losses", "divergences", "schedules", "datasets", "metrics", "optimisers", "extractors")
