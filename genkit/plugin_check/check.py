"""Check of a plugin: the laws of its package, and of each of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from genkit.errors import GenkitError, PartMistake, UsageError
from genkit.near_miss import ended
from genkit.part_code import describe_bug, line_of_definition, refuses_its_input
from genkit.plugin_check.around import Around, small_models
from genkit.plugin_check.build_part import NotChecked, how_to_set, keys_of_parts, kind_word, prepared
from genkit.plugin_check.entry_laws import entry_laws
from genkit.plugin_check.installed import InstalledPlugin, find_plugin
from genkit.plugin_check.kind_laws import assert_lawful
from genkit.plugin_check.package_laws import package_laws
from genkit.plugin_check.recipe_keys import RecipeTable, recipe_tables
from genkit.recipe.binding.part_interface import INTERFACES, check_interface
from genkit.recipe.installed.broken_plugin import NotLoaded
from genkit.recipe.installed.entry_target import NoSuchTarget
from genkit.recipe.installed.registry import FAILURES, Part, Registry
from genkit.recipe.text.document import Document
from genkit.testing.law import Law, Verdict, collected, hold

# Kinds whose laws need a model, samples or a plan: the check has some examples, and a part may refuse all of them. Then
# its author calls a function of genkit.testing with what the part accepts.
OWN_EXAMPLES = {
    "models": "assert_model_is_lawful(make), where make() builds it for the shape of its samples, or add a recipe that "
    "`genkit plan` accepts: the shape of its data is tried, too",
    "losses": "assert_loss_is_lawful(loss, model, batch), or add a recipe that `genkit plan` accepts: "
    "its model is tried, too",
    "errors": "assert_error_is_lawful(error, model, x)",
    "metrics": "assert_metric_is_lawful(metric, data, model)",
    "scores": "assert_score_is_lawful(score, model, x)",
    "extractors": "assert_extractor_is_lawful(extractor, x)",
    "callbacks": "assert_callback_is_lawful(callback, plan), or add a recipe that `genkit plan` accepts: "
    "its plan is tried",
}
CONSTRUCTS = "constructs"
BE_MADE = "A part is made of its keys, whatever they are, or raises ValueError with what to do"
ANSWERS = "answers"  # what its laws ask before they begin
ANSWER = "A part answers whatever its keys are, or raises ValueError with what to do"


@dataclass(frozen=True)
class Report:
    """The laws of a package or of a part, and which of them hold."""

    kind: str  # "package", or the kind of the part in the singular
    name: str
    place: str  # the file, and for a part its line; empty if unknown
    verdicts: tuple[Verdict, ...]
    not_checked: str = ""  # why the laws of its kind were not checked, and what to do; empty if they were

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The laws that do not hold."""
        return tuple(each for each in self.verdicts if each.broken)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON can store."""
        laws = [{key: value for key, value in asdict(each).items() if key != "refused"} for each in self.verdicts]
        return {
            "kind": self.kind,
            "name": self.name,
            "place": self.place,
            "laws": laws,
            "not_checked": self.not_checked,
        }


def check_plugin(
    name: str, overrides: Sequence[str] = (), on_report: Callable[[Report], None] = lambda report: None
) -> list[Report]:
    """Return the reports of a plugin: its package, then each part; `on_report` is called with each when it is made.

    `name` is that of an entry point, a distribution or a module. `overrides` are ``KIND.NAME.KEY=VALUE``. Raises
    `UsageError` for an unknown name, a module that fails on import, and an override that fits no part.
    """
    plugin = find_plugin(name)
    recipes = recipe_tables(plugin)
    keys = keys_of_parts(plugin, recipes, overrides)
    package = Report(
        "package",
        str(plugin.owner),
        plugin.files[0].name if plugin.folder is None else f"{plugin.folder.name}/",
        _verdicts(plugin, package_laws(plugin)),
    )
    for part in plugin.parts:  # a wrong --set is refused before anything is reported
        with suppress(NotChecked):
            if overrides and _is_imported(part):
                prepared(part, keys, plugin.registry)
    on_report(package)
    reports = [package]
    for part in plugin.parts:
        reports.append(_check_part(part, plugin, keys, recipes.get((part.kind, part.entry.name))))
        on_report(reports[-1])
    return reports


def _is_imported(part: Part) -> bool:
    try:
        part.load()
    except UsageError:  # which its report says
        return False
    return True


def _check_part(part: Part, plugin: InstalledPlugin, keys: Document, recipe: RecipeTable | None) -> Report:
    try:
        place = line_of_definition(part.load())
    except NotLoaded as error:
        module = part.entry.target.partition(":")[0]
        no_name = isinstance(error.__cause__, NoSuchTarget)
        remedy = f"Correct the target of its Entry in {plugin.place}" if no_name else f"Correct the module {module}"
        broken = Verdict("can be imported", error.what.rstrip("."), remedy)
        return Report(kind_word(part.kind), part.entry.name, "", (broken,))
    owners = [str(each.owner) for each in plugin.registry.parts[part.kind, part.entry.name]]
    report = Report(kind_word(part.kind), part.entry.name, place, _verdicts(part.load(), entry_laws(part, owners)))
    others = [each for each in plugin.parts if each.kind == "models" and each != part]

    def makes() -> Iterator[Callable[..., Any]]:
        for other in others:
            with suppress(NotChecked, UsageError):  # its own report says why
                yield prepared(other, keys, plugin.registry)

    around = Around(plugin.registry, lambda: small_models(makes()), recipe.recipe if recipe else None)
    return check_kind(part, keys, around, report)


def check_kind(part: Part, keys: Document, around: Around, report: Report) -> Report:
    """Return the report of a part with the laws of its kind added."""
    unmade: list[BaseException] = []
    verdicts: list[Verdict] = []  # also those from before what is not checked
    try:
        make = prepared(part, keys, around.registry)
        with collected() as verdicts:
            assert_lawful(part.kind, _interfaced(part.kind, make, unmade), around)
    except NotChecked as missing:
        return replace(report, verdicts=(*report.verdicts, *verdicts), not_checked=str(missing))
    except FAILURES as error:  # the laws catch what their checks raise: it comes from before them
        if refuses_its_input(error) or isinstance(error, GenkitError):  # such as a file that is not there
            return replace(report, not_checked=f"{str(error).rstrip('.')}. {how_to_set(part, 'KEY')}")
        mistake = isinstance(error, PartMistake)
        bug = (str(error) if mistake else describe_bug(part.load(), error)).rstrip(".")
        if any(error is each for each in unmade):
            text = str(error).rstrip(".") if isinstance(error, TypeError) else bug
            return replace(report, verdicts=(*report.verdicts, Verdict(CONSTRUCTS, text, BE_MADE)))
        return replace(report, verdicts=(*report.verdicts, Verdict(ANSWERS, bug, "" if mistake else ANSWER)))
    if part.kind in OWN_EXAMPLES and verdicts and verdicts[-1].refused:
        *held, refusal = verdicts
        remedy = f"In a test, call genkit.testing.{OWN_EXAMPLES[part.kind]}"
        text = f"it refuses what it was tried on: {ended(refusal.broken)} {remedy}"
        return replace(report, verdicts=(*report.verdicts, *held), not_checked=text)
    return replace(report, verdicts=(*report.verdicts, *verdicts))


def _interfaced(kind: str, make: Callable[..., Any], unmade: list[BaseException]) -> Callable[..., Any]:
    """Return the constructor of a part; what it raises is added to `unmade`.

    It raises `TypeError` if the part lacks a member of its kind.
    """

    def made(**others: Any) -> Any:
        try:
            part = make(**others)
            if kind in INTERFACES:
                check_interface(kind, part)
        except FAILURES as error:
            unmade.append(error)
            raise
        return part

    return made


def _verdicts(part: object, laws: Iterable[Law]) -> tuple[Verdict, ...]:
    with collected() as found:
        hold(part, laws)
    return tuple(found)


def part_report(part: Part, registry: Registry, keys: dict[str, Any] | None = None) -> Report:
    """Return the report of any registered part, also one of genkit, with these keys and examples of the others."""
    document = Document({part.kind: {part.entry.name: keys or {}}}, "the checked part")
    report = Report(kind_word(part.kind), part.entry.name, line_of_definition(part.load()), ())
    return check_kind(part, document, Around(registry, tuple, None), report)
