"""Arguments of the wrong type are refused by name, in every function that genkit exports."""

import inspect
import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY
from support.models import write_model

import genkit
from genkit.errors import UsageError
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.changes import changes_of
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import with_override

pytestmark = pytest.mark.fast

FUNCTIONS = [name for name in genkit.__all__ if inspect.isfunction(getattr(genkit, name))]
ARGUMENTS = [(name, argument) for name in FUNCTIONS for argument in inspect.signature(getattr(genkit, name)).parameters]
TABLES = tomllib.loads(TINY)
GIVEN = {
    **{"samples": np.zeros((8, 2)), "pictures": np.zeros((8, 1, 28, 28))},
    **{"repository": "some/name", "recipe": TABLES, "source": TABLES},
}
BESIDE = {"held_out_labels": {"labels": [0] * 8, "held_out": np.zeros((4, 2))}}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("arguments") / "model"
    write_model(folder, IMAGES)
    return folder


@pytest.mark.parametrize(
    "wrong", [object(), 3j, print, {1: 2}, [object()]], ids=["object", "complex", "function", "mapping", "list"]
)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_a_wrong_type_is_refused_by_name(name, argument, wrong, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = getattr(genkit, name)
    parameters = inspect.signature(function).parameters
    several = parameters[argument].kind is inspect.Parameter.VAR_POSITIONAL
    given = {each: GIVEN.get(each, model) for each, item in parameters.items() if item.default is item.empty}
    given |= BESIDE.get(argument, {}) | {argument: wrong}
    with pytest.raises(UsageError) as refused:
        function(model, wrong) if several else function(**given)
    if (argument, type(wrong)) not in {("recipe", dict), ("source", dict)}:  # tables, with mistakes of a recipe
        assert ("recipe" if argument == "source" else argument) in str(refused.value)
    assert not any(tmp_path.iterdir())


def test_arguments_are_converted_and_others_pass():
    @checked_arguments(several="Write a list.")
    def f(
        number: float = 0.0,
        several: Sequence[str | Mapping[str, int]] | str = (),
        flag: bool = False,
        place: str | PathLike[str] | None = None,
        kind: Literal["a", "b"] = "a",
        anything: Any = None,
    ) -> tuple[Any, ...]:
        return number, several, flag, place, kind, anything

    assert f() == (0.0, (), False, None, "a", None)
    for number in (1, 0.5, Fraction(1, 2), np.float32(0.5), np.int64(3), torch.tensor(0.5), float("nan")):
        assert f(number)[0] is number
    assert f(several=iter(["a", {"b": 1}]))[1] == ["a", {"b": 1}] and f(several="ab")[1] == "ab"
    assert f(several={"a"})[1] == f(several=np.array(["a"]))[1] == ["a"]
    assert f(flag=np.True_)[2] and f(flag=1)[2] and f(place=Path("x"))[3] == Path("x")
    assert f(kind="c")[4] == "c" and f(anything=print)[5] is print
    for name, wrong in [
        *(("number", each) for each in ("1", None, True, 1j, np.zeros(1), np.array("1"))),
        *(("several", each) for each in (1, None, b"a", {"a": 1}, [1], [["a"]], np.array("a"))),
        *(("flag", each) for each in ("no", None, 2, 0.5)),
        *(("place", each) for each in (1, b"x")),
        *(("kind", each) for each in (1, None)),
    ]:
        with pytest.raises(UsageError) as refused:
            f(**{name: wrong})
        assert str(refused.value).startswith(f"f(): {name}: found ")
        assert ("Write a list." in str(refused.value)) is (name == "several")
    for call in (lambda: f(nope=1), lambda: f(1, number=1)):
        with pytest.raises(TypeError, match="f()"):
            call()


def test_changes_may_be_a_text_a_mapping_or_several():
    assert changes_of("a.b=1") == changes_of({"a.b": 1}) == changes_of([{"a.b": 1}]) == ["a.b=1"]
    assert changes_of(["c=x", {"a.b": None}]) == ["c=x", "a.b="]
    for value in (3, 0.1, -1e30, float("inf"), True, "x = 1 # é", [1, 2], {"a": {"b-c": "1"}}, np.float64(0.5)):
        [change] = changes_of({"a.b": value})
        assert with_override(Document({}), change).tables == {"a": {"b": value}}
    for wrong in ({3: 1}, {"a.b=1": 1}, {"a.b": print}):
        with pytest.raises(UsageError, match="^set"):
            changes_of(wrong)


@pytest.mark.parametrize(
    ("device", "near"), [("gpu", '"cuda"'), ("gpu:1", '"cuda:1"'), ("CUDA", '"cuda"'), ("metal", '"mps"'), ("xyz", "")]
)
def test_an_unknown_device_suggests_a_near_one(device, near, model):
    with pytest.raises(UsageError) as refused:
        genkit.load(model, device=device)
    text = str(refused.value)
    assert device in text and '"cuda:1"' in text and "Did you mean" in text if near else "Did you mean" not in text
    assert text.rstrip("?").endswith(near) and "xla" not in text


def test_a_mapping_of_metrics_says_where_keys_go():
    with pytest.raises(UsageError, match=r'metrics: .*set=\{"metrics.psnr.samples"'):
        genkit.evaluate("x", {"psnr": {"samples": 10}})


def test_a_file_as_the_folder_of_runs_names_the_argument(tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(TINY)
    with pytest.raises(UsageError) as refused:
        genkit.train(file, file, progress=False)
    assert str(file) in str(refused.value) and "runs=" in str(refused.value) and "--" not in str(refused.value)
