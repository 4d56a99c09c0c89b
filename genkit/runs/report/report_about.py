"""What the curves of a report mean: a paragraph for each name that its charts have and that somebody explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from genkit.core.loss import Loss, term_texts
from genkit.pages.chart import Chart
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.trial.schedule_probe import schedule_keys

KL, EXP = "kl", "exp"  # prefixes of the terms that measure how far codes are from the prior, and how likely fakes are
EVALUATIONS = "evaluations"  # the heading of their section
ABOUT_KL = (
    "kl: the KL divergence measures how far the codes of the encoder are from the prior: low for what the encoder "
    "takes for data, high for what it recognises as made by the decoder. An introspective encoder lowers it for data "
    "(real) and raises it for reconstructions (rec) and samples (fake). Where the curves meet, the encoder no longer "
    "tells samples from data; where that of samples stays the lower one, it takes samples for data; where it grows "
    "without end, the decoder has lost."
)
ABOUT_EXP = (
    "exp: the exponential of the evidence lower bound of reconstructions and samples, which an introspective encoder "
    "lowers. Its size depends on the weights of the loss, so compare it with itself at other steps only."
)
ABOUT_TOTAL = (
    "total: what a phase minimises. The other terms may be logged before the loss weights and scales them, so they "
    "need not add up to it."
)
ABOUT_EVALUATIONS = "A ring is the best evaluation of the run."
GENERAL = {KL: ABOUT_KL, EXP: ABOUT_EXP}  # by the name that charts of several terms have in common


def meanings_of(loss: Loss | None) -> dict[str, str]:
    """Return what the terms and the schedules of a loss mean, by name: what it says itself, and the `Doc` of a key."""
    if loss is None:
        return {}
    keys = {name: parameters_of(type(loss))[name].doc for name in schedule_keys(loss)}
    return {name: text for name, text in {**keys, **term_texts(loss)}.items() if text}


def about_charts(heading: str, charts: Sequence[Chart], meanings: Mapping[str, str]) -> list[str]:
    """Return the paragraphs for the charts under a heading. `meanings` are those of `meanings_of`."""
    general = [text for prefix, text in GENERAL.items() if has_prefix(charts, prefix)]
    names = dict.fromkeys(chart.title.partition(",")[0] for chart in charts)
    own = [f"{name}: {meanings[name]}" for name in names if name in meanings and name not in GENERAL]
    return [
        *general,
        *own,
        *([ABOUT_TOTAL] if has_total(charts) else []),
        *([ABOUT_EVALUATIONS] if heading == EVALUATIONS else []),
    ]


def has_prefix(charts: Iterable[Chart], prefix: str) -> bool:
    """Return whether one of some charts shows the terms with a common prefix, of one phase."""
    return any(chart.title.lower().startswith(f"{prefix},") for chart in charts)


def has_total(charts: Iterable[Chart]) -> bool:
    """Return whether one of some charts shows what a phase minimises."""
    return any(chart.title.partition(":")[0].rpartition("/")[2] == "total" for chart in charts)
