"""The hooks of a plugin, one for each kind of part. genkit registers its own parts through the same hooks.

A plugin is a Python package with one entry point in the group ``genkit``. The entry point names a module. This module
sets ``genkit_hooks = 1``, the version of the hooks that it was written for, and implements any of the hooks below.
Each hook yields `Entry` records. A record holds the *name* of its target and not the target itself, so listing the
plugins imports neither torch nor the parts.

A tracker such as TensorBoard is no part: ``[track]`` names those that genkit knows. A plugin adds another one as a
callback.

The docstring of each hook contains a complete, working plugin module.
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
    """Record of one part."""

    name: str  # the name in recipes: kebab-case, unique among the parts of its kind
    target: str  # "package.module:attribute", imported on first use
    summary: str  # one line, printed by `genkit plugins`
    source: str  # the paper or URL that the part implements


@hookspec
def genkit_models() -> Iterable[Entry]:
    """Yield networks: subclasses of `genkit.api.Model`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_models():
            yield Entry("tiny-mlp", "my_plugin.model:TinyMLP", "A linear autoencoder", "https://example.org")

    The target is called with the keys of ``[model]`` and with ``data_shape``, the shape of one sample.
    """
    raise AssertionError  # never called: pluggy reads only the signature


@hookspec
def genkit_priors() -> Iterable[Entry]:
    """Yield priors of latent codes: subclasses of `genkit.api.Prior`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_priors():
            yield Entry("laplace", "my_plugin.laplace:Laplace", "Product of Laplace densities", "https://example.org")

    The target is called with the keys of ``[model.prior]`` and with ``latent_dim``, the dimension of the codes.
    """
    raise AssertionError


@hookspec
def genkit_losses() -> Iterable[Entry]:
    """Yield training objectives: frozen dataclasses that implement `genkit.api.Loss`.

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
    """Yield divergences between diagonal Gaussians: frozen dataclasses that implement `genkit.api.Divergence`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_divergences():
            yield Entry("wasserstein-2", "my_plugin.w2:Wasserstein2", "Per-sample W2²", "Givens & Shortt 1984")

    The fields of the dataclass are the keys of the table that names the divergence, such as ``[loss.divergence]``.
    """
    raise AssertionError


@hookspec
def genkit_errors() -> Iterable[Entry]:
    """Yield reconstruction errors: frozen dataclasses that implement `genkit.api.ReconstructionError`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_errors():
            yield Entry("huber", "my_plugin.huber:Huber", "Quadratic near zero, else linear", "Huber 1964")

    The fields of the dataclass are the keys of ``[model.error]``.
    """
    raise AssertionError


@hookspec
def genkit_schedules() -> Iterable[Entry]:
    """Yield schedules of the progress t in [0, 1]: frozen dataclasses that implement `genkit.api.Schedule`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_schedules():
            yield Entry("step-up", "my_plugin.step:StepUp", "0, then 1 from `at` on", "https://example.org")

    The fields of the dataclass are the keys of the table that names the schedule, such as ``[optimiser.encoder.lr]``.
    """
    raise AssertionError


@hookspec
def genkit_datasets() -> Iterable[Entry]:
    """Yield data sets: frozen dataclasses that implement `genkit.api.Dataset`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_datasets():
            yield Entry("two-moons", "my_plugin.moons:TwoMoons", "Two half circles", "https://example.org")

    The fields of the dataclass are the keys of ``[data]``.
    """
    raise AssertionError


@hookspec
def genkit_metrics() -> Iterable[Entry]:
    """Yield metrics: frozen dataclasses that implement `genkit.api.Metric`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_metrics():
            yield Entry("mean-norm", "my_plugin.norm:MeanNorm", "Mean Euclidean norm", "https://example.org")

    The fields of the dataclass are the keys of ``[metrics.LABEL]``.
    """
    raise AssertionError


@hookspec
def genkit_scores() -> Iterable[Entry]:
    """Yield scores of abnormality: frozen dataclasses that implement `genkit.api.Score`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_scores():
            yield Entry("worst-pixel", "my_plugin.worst:WorstPixel", "Largest error of a pixel", "https://example.org")

    The fields of the dataclass are the keys of the table that names the score, such as ``[metrics.LABEL.score]``.
    """
    raise AssertionError


@hookspec
def genkit_optimisers() -> Iterable[Entry]:
    """Yield optimisers: frozen dataclasses that implement `genkit.api.Optimiser`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_optimisers():
            yield Entry("sgd", "my_plugin.sgd:SGD", "Stochastic gradient descent", "https://example.org")

    The fields of the dataclass are the keys of ``[optimiser.CHILD]``.
    """
    raise AssertionError


@hookspec
def genkit_extractors() -> Iterable[Entry]:
    """Yield feature extractors for metrics: frozen dataclasses that implement `genkit.api.Extractor`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_extractors():
            yield Entry("dino-v2", "my_plugin.dino:DINOv2", "DINOv2 features", "https://arxiv.org/abs/2304.07193")

    The fields of the dataclass are the keys of the table that names the extractor.
    """
    raise AssertionError


@hookspec
def genkit_callbacks() -> Iterable[Entry]:
    """Yield callbacks of a run: dataclasses that are derived from `genkit.api.Callback`.

        from genkit.hooks import Entry, hookimpl

        genkit_hooks = 1

        @hookimpl
        def genkit_callbacks():
            yield Entry("until", "my_plugin.until:Until", "Stop a run at a target", "https://example.org")

    The fields of the dataclass are the keys of ``[callbacks.LABEL]``.
    """
    raise AssertionError


KINDS = (
    "models",
    "priors",
    "losses",
    "errors",
    "divergences",
    "schedules",
    "datasets",
    "metrics",
    "scores",
    "optimisers",
    "extractors",
    "callbacks",
)
