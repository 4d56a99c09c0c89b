"""Charts of compared runs: the curves of all runs over each other, a chart for each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from genkit.draw.panels import Panel, Section
from genkit.pages.chart import Look
from genkit.pages.line_chart import line_chart, points_of_each
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_alone import (
    ChartsOfRun,
    charts_of_one_run,
    panels_of,
    sections_of_one_run,
    without_repeated,
)
from genkit.runs.comparison.compared_curves import evaluation_panels_of, merged, sections_of_terms, term_panels
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.report.report_about import ABOUT_TOTAL, EXP, KL, has_total
from genkit.runs.report.report_charts import ChartGroup, CurveNumbers, numbers_of
from genkit.runs.report.report_phases import phase_starts

NAMED_IN_CHARTS = 4  # runs; more are named once, above the charts
EVALUATIONS, SCHEDULES = "Evaluations during training", "Schedules"
SAME_SCHEDULES = "Schedules that are the same in all runs"
ALL_RUNS = ""  # the name of a curve that is the same in all runs
ABOUT_KL = (
    "kl: the KL divergence measures how far codes of the encoder are from the prior: those of data (real), of "
    "reconstructions (rec) and of samples (fake), each in a chart of its own."
)
ABOUT_EXP = (
    "exp: the exponential of the evidence lower bound of reconstructions and samples, which an introspective encoder "
    "lowers. Its size depends on the weights of the loss, so compare it only between runs of the same weights."
)
ABOUT_TERMS = {KL: ABOUT_KL, EXP: ABOUT_EXP}  # a chart has curves of runs here, not of terms
ABOUT_RINGS = "A ring is the best evaluation of a run."
COMMON_LOOK = Look("var(--text)", (1, 0))


@dataclass(frozen=True)
class ComparedCharts:
    """All charts of a comparison in the order of the page, and their curves in numbers."""

    groups: Sequence[ChartGroup]  # of several runs
    of_one_run: Sequence[ChartsOfRun]
    about_one_run: Sequence[str]  # what the charts of several single runs mean
    folded: Sequence[ChartGroup]  # of several runs, too, but less telling than the others
    named: bool  # whether each chart of several runs names them; else they are named once, above the charts
    numbers: Sequence[CurveNumbers]  # quantity, run, first, last, lowest and highest value; no run: all have the curve

    @property
    def opens_single_runs(self) -> bool:
        """Whether charts of single runs are what a reader came for: several runs share none, and runs are few."""
        return not self.groups and len(self.of_one_run) <= NAMED_IN_CHARTS


def charts_of_comparison(comparison: Comparison, looks: Mapping[str, Look]) -> ComparedCharts:
    """Return the charts of evaluations, terms and schedules. `looks` are those of the runs, by name.

    Quantities that are equal in each run share a chart, such as the learning rates of two networks. If the runs have
    nothing else in common, their schedules are folded; schedules that are the same in all runs always are.
    """
    starts = {run.name: phase_starts(run.lines, run.plan.phases if run.plan else ()) for run in comparison.runs}
    terms = [panel for panel in term_panels(comparison) if len(panel.curves) > 1]
    schedules = [panel for panel in merged(terms) if panel.exact]
    same = [panel for panel in schedules if _is_one_curve_of_all(panel, len(looks))]
    different = Section(SCHEDULES, [panel for panel in schedules if panel not in same])
    evaluations = [panel for panel in evaluation_panels_of(comparison) if len(panel.curves) > 1 and _is_curve(panel)]
    shared = [Section(EVALUATIONS, evaluations), *sections_of_terms([each for each in terms if not each.exact])]
    shared = [section for section in shared if section.panels]
    alone = {run.name: sections_of_one_run(comparison, run) for run in comparison.runs}
    common = Section(SAME_SCHEDULES, [replace(each, curves={ALL_RUNS: _first_curve(each)}) for each in same])
    meanings = {name: text for run in comparison.runs for name, text in run.meanings.items()}
    everything = panels_of([*shared, different, common, *(section for each in alone.values() for section in each)])
    page = _Page(looks, starts, points_of_each(sum(len(panel.curves) for panel in everything)), meanings)
    groups = [page.group(section) for section in ([*shared, different] if shared else []) if section.panels]
    of_one_run, about = without_repeated(
        [page.run(comparison, run, alone[run.name]) for run in comparison.runs if alone[run.name]],
        said=[text for group in groups for text in group.about],
    )
    folded = [page.group(section) for section in ([] if shared else [different]) + [common] if section.panels]
    return ComparedCharts(groups, of_one_run, about, folded, page.named, page.numbers)


@dataclass
class _Page:
    """Charts in the order of the page: each curve in numbers knows the place of its chart."""

    looks: Mapping[str, Look]
    starts: Mapping[str, Mapping[str, float]]  # of phases, by the name of the run
    points: int  # of each curve
    meanings: Mapping[str, str]  # of terms and schedules, as the losses of the runs say
    numbers: list[CurveNumbers] = field(default_factory=list)
    charts: int = 0  # so far

    @property
    def named(self) -> bool:
        return len(self.looks) <= NAMED_IN_CHARTS

    def group(self, section: Section) -> ChartGroup:
        """Add the charts of several runs."""
        looks = {**self.looks, ALL_RUNS: COMMON_LOOK}
        charts = []
        for panel in section.panels:
            made = line_chart(
                panel.title,
                panel.curves,
                best=panel.best,
                dots=panel.sparse,
                looks=looks,
                points=self.points,
                logarithmic=panel.is_logarithmic,
            )
            legend = made.legend if self.named and len(panel.curves) > 1 else ()
            charts.append(replace(made, legend=legend))
            self.numbers += [
                CurveNumbers((panel.title, name, *numbers_of(curve)), f"{self.charts}:{number}")
                for number, (name, curve) in enumerate(panel.curves.items())
            ]
            self.charts += 1
        names = [_name_of_term(panel) for panel in section.panels]
        prefixes = {name.partition("_")[0] for name in names if "_" in name}
        about = [text for prefix, text in ABOUT_TERMS.items() if prefix in prefixes]
        own = [name for name in dict.fromkeys(names) if name in self.meanings and name not in ABOUT_TERMS]
        about += [f"{name}: {self.meanings[name]}" for name in own]
        rings = [ABOUT_RINGS] * any(panel.best for panel in section.panels)
        return ChartGroup(section.heading, charts, [*about, *[ABOUT_TOTAL] * has_total(charts), *rings])

    def run(self, comparison: Comparison, run: ComparedRun, sections: Sequence[Section]) -> ChartsOfRun:
        """Add the charts of one run only."""
        starts = self.starts[run.name]
        made = charts_of_one_run(comparison, run, sections, starts, self.looks[run.name], self.points, self.charts)
        self.charts += len(made.charts)
        self.numbers += made.numbers
        return made


def _name_of_term(panel: Panel) -> str:
    """Return ``rec`` of "encoder/rec, decoder/rec: digits"."""
    return panel.title.partition(":")[0].partition(",")[0].partition("/")[2]


def _is_curve(panel: Panel) -> bool:
    return max(map(len, panel.curves.values())) > 1  # one evaluation is none


def _is_one_curve_of_all(panel: Panel, runs: int) -> bool:
    return len(panel.curves) == runs and len({tuple(curve) for curve in panel.curves.values()}) == 1


def _first_curve(panel: Panel) -> Sequence[tuple[int, float]]:
    return next(iter(panel.curves.values()))
