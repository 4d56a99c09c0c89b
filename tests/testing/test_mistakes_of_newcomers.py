"""Parts with one mistake that a run would refuse: a wrong type, shape or name. Each breaks a law, and is not skipped.

The parts are those of `genkit plugins new`, so a mistake here is one that a newcomer makes while changing them.
"""

import importlib
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.messages import assert_names

from genkit import testing
from genkit.plugin_check.build_part import kind_word
from genkit.plugin_check.check import Report, part_report
from genkit.plugin_check.member_names import misspelt_members
from genkit.recipe.installed.registry import Owner, Registry, load_registry
from genkit.scaffold.kinds import Kind
from genkit.scaffold.names import PluginName
from genkit.scaffold.write import write_plugin


class Mistake(NamedTuple):
    """One change of a part, and the law that it breaks."""

    kind: str
    law: str
    old: str
    new: str
    named: str  # in the message


RESULT = "return PhaseLoss(total, {name: term.detach().mean() for name, term in terms.items()})"
CHILDREN = '("encoder", "decoder", "prior")'
PROTOCOL = "return EvaluationProtocol(self.samples, split.split, self.weights, self.batch_norm)"
POOLED = "return (adaptive_avg_pool2d(x, self.cells) if x.dim() == 4 else x).flatten(1)"
TEXTS = "    @property\n    def about_terms(self): return ['kl']\n\n"
METHOD = "    def loss(self, model"
ACTION = METHOD.replace("loss", "act") + ", batch):\n        {}\n\n" + METHOD
WITH = "    def actions(self):\n        from genkit.api import Action\n\n        return (Action('a', self.act{}),)\n\n"

MISTAKES = {
    "loss-returns-a-tensor": Mistake("losses", "totals and terms", RESULT, "return total", "returned a Tensor"),
    "total-of-each-row": Mistake("losses", "totals and terms", "* distance).mean()", "* distance)", "shape (8,)"),
    "term-with-a-gradient": Mistake("losses", "totals and terms", "term.detach()", "term", '"rec"'),
    "root-of-zero": Mistake(
        "losses", "finite gradients", "kl = model", "kl = (z - z).sum(1).sqrt() + model", "encoder"
    ),
    "unknown-child": Mistake("losses", "children", '"decoder", ', '"decodr", ', "Did you mean decoder?"),
    "unknown-prior": Mistake("losses", "children", '"prior")', '"priro")', "Did you mean prior?"),
    "terms-without-texts": Mistake("losses", "phases", METHOD, TEXTS + METHOD, "about_terms"),
    "one-child-as-text": Mistake("losses", "phases", CHILDREN, '"encoder"', 'such as ("encoder",)'),
    "one-phase": Mistake("losses", "phases", f'(Phase("vae", {CHILDREN}, self.loss),)', '"vae"', "a str"),
    "unknown-target": Mistake(
        "losses", "children", METHOD, f"    def targets(self): return ('decodr',)\n\n{METHOD}", "Did you mean decoder?"
    ),
    "targets-as-text": Mistake(
        "losses", "phases", METHOD, f"    def targets(self): return 'decoder'\n\n{METHOD}", "a tuple of names"
    ),
    "unknown-reset": Mistake(
        "losses",
        "children",
        METHOD,
        WITH.format(", resets=('encodr',)") + ACTION.format("pass"),
        "Did you mean encoder?",
    ),
    "action-with-a-result": Mistake(
        "losses", "actions change in place", METHOD, WITH.format("") + ACTION.format("return 3"), "returned a int"
    ),
    "action-that-replaces": Mistake(
        "losses",
        "actions change in place",
        METHOD,
        WITH.format("") + ACTION.format("import torch; p = model.decoder[0]; p.weight = torch.nn.Parameter(p.weight)"),
        "decoder.0.weight",
    ),
    "no-posterior": Mistake("models", "shapes", "            Posterior(),", "            nn.Identity(),", "DiagNormal"),
    "other-data-shape": Mistake("models", "shapes", "latent_dim, data_shape)", "latent_dim, (7,))", "(4, 7)"),
    "no-latent-dim": Mistake("models", "shapes", "latent_dim, data_shape)", "0, data_shape)", "latent_dim is 0"),
    "dropout": Mistake("models", "shapes", "nn.SiLU()", "nn.Dropout(0.1)", "dropout"),
    "features-of-no-list": Mistake("models", "shapes", "        return levels", "        return 3", "features"),
    "code-as-a-tuple": Mistake("priors", "codes from the noise", "return -self.scale * u", "return 1, u", "tuple"),
    "number-for-all": Mistake("divergences", "one number a sample", ".sum(dim=1)", ".mean()", "the shape is ()"),
    "error-for-all": Mistake("errors", "one number a sample", ".flatten(1).sum(dim=1)", ".mean()", "the shape is ()"),
    "map-with-channels": Mistake(
        "errors",
        "its map adds up",
        "self._of_components(x, output).sum(dim=1)",
        "self._of_components(x, output)",
        "(B, H, W)",
    ),
    "no-number": Mistake("schedules", "a finite number on [0, 1]", "return self.value *", "self.value *", "NoneType"),
    "bare-tensor": Mistake(
        "datasets", "samples", "return Samples(edge.sigmoid()[:, None])", "return edge", "returned a Tensor"
    ),
    "unmet-as-text-of-data": Mistake("datasets", "facts", "        return ()", "        return 'x'", "unmet returned"),
    "no-protocol": Mistake("metrics", "a protocol and a number", PROTOCOL, "return 3", "protocol returned"),
    "unknown-direction": Mistake("metrics", "a protocol and a number", '"lower"\n\n', '"less"\n\n', "better is"),
    "unknown-weights": Mistake(
        "metrics", "a protocol and a number", PROTOCOL, PROTOCOL.replace("self.weights", '"best"'), "'best'"
    ),
    "unknown-split": Mistake(
        "metrics", "a protocol and a number", PROTOCOL, PROTOCOL.replace("split.split", '"tset"'), '"tset"'
    ),
    "unknown-batch-norm": Mistake(
        "metrics", "a protocol and a number", PROTOCOL, PROTOCOL.replace("self.batch_norm", '"eval"'), "'eval'"
    ),
    "scores-of-components": Mistake("scores", "one number a sample", ".values.mean(dim=1)", ".values", "(16, "),
    "no-optimiser": Mistake(
        "optimisers", "builds a torch optimiser", "torch.optim.RAdam(\n", "dict(\n            p=", "a dict"
    ),
    "features-as-a-list": Mistake("extractors", "features", POOLED, "return [1]", "a list"),
    "width-of-images": Mistake("extractors", "features", "shape[0] * self.cells**2", "self.cells", "images"),
    "unmet-as-text-of-weights": Mistake(
        "extractors", "answers", "        return ()", "        return 'get it'", "unmet returned"
    ),
    "unmet-as-text": Mistake(
        "callbacks", "answers", "    def started", "    def unmet(self): return 'x'\n\n    def started", "unmet"
    ),
    "step-without-line": Mistake(
        "callbacks", "follows a run", "step: int, line: Mapping[str, float]", "step: int", "takes 2"
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Return the module folder of a package with every kind of part."""
    folder = tmp_path_factory.mktemp("newcomer")
    write_plugin(PluginName("newcomer"), tuple(Kind), folder / "new", Registry())
    return folder / "new" / "genkit_newcomer"


@pytest.fixture
def report_of(written, tmp_path, monkeypatch):
    """Return a function that changes a part of the package, and returns the report of the check."""

    def report(kind: str, old: str, new: str, module: str) -> Report:
        shutil.copytree(written, tmp_path / module)
        changed = 0
        for file in (tmp_path / module).glob("*.py"):
            source = file.read_text()
            if file.stem == kind_word(kind):
                changed = source.count(old)
                source = source.replace(old, new)
            file.write_text(source.replace("genkit_newcomer", module))
        assert changed
        monkeypatch.syspath_prepend(tmp_path)
        registry = load_registry()
        registry.register(importlib.import_module(module), Owner(module, module, "0"))
        (part,) = [part for part in registry.of_kind(kind) if part.owner.plugin == module]
        found = part_report(part, registry)
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == module]:
            monkeypatch.delitem(sys.modules, loaded)
        return found

    return report


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_breaks_a_law(name, report_of):
    mistake = MISTAKES[name]
    report = report_of(mistake.kind, mistake.old, mistake.new, f"newcomer_{name.replace('-', '_')}")
    assert not report.not_checked
    assert {law.law: law.broken for law in report.broken}.keys() >= {mistake.law}
    (message,) = [law.message for law in report.broken if law.law == mistake.law]
    assert mistake.named in message


REFUSED = {
    "losses": "posterior: DiagNormal =",
    "errors": "return self._of_components(x, output).flatten",
    "scores": "errors = (x",
    "metrics": "split = data.held_out()",
    "extractors": "if len(shape) != 3:",
    "models": "size = math.prod",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_part_that_refuses_every_example_is_not_checked(kind, report_of):
    line = REFUSED[kind]
    report = report_of(
        kind, line, f"if len(str(2)): raise ValueError('only for sounds')\n        {line}", f"only_{kind}"
    )
    assert not report.broken
    assert_names(report.not_checked, "only for sounds", f"genkit.testing.assert_{kind_word(kind)}_is_lawful")
    assert hasattr(testing, f"assert_{kind_word(kind)}_is_lawful")


def test_laws_that_hold_before_a_refusal_are_reported(report_of):
    report = report_of(
        "losses", METHOD, METHOD + ", batch):\n        raise ValueError('only for sounds')\n\n    def x(self", "early"
    )
    assert {"phases", "children"} == {law.law for law in report.verdicts} and report.not_checked


def test_methods_of_a_class_without_a_file_are_not_judged():
    made: dict[str, type] = {}
    exec("class Made:\n    def loged(self): ...", {"__name__": "nowhere"}, made)
    assert [*misspelt_members("callbacks", made["Made"])] == []
