"""Names of the files that commands write: default names keep other results, and --out takes a name or a folder."""

import json
import shutil
from pathlib import Path

import pytest
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import write_folder

from genkit.cli.places.destination import destination
from genkit.cli.places.output_files import OutputFiles
from genkit.errors import UsageError


def write(output: OutputFiles, *contents: str) -> list[str]:
    with output.writing() as drafts:
        for draft, content in zip(drafts, contents, strict=False):
            draft.write_text(content)
    return [path.name for path in output.written]


def contents() -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def test_a_default_name_never_replaces_other_content():
    def default():
        return OutputFiles(None, Path("of/x"), (".csv", ".png"))

    assert write(default(), "a", "b") == ["x.csv", "x.png"]
    assert write(default(), "a", "c") == ["x-2.csv", "x-2.png"]  # also if only one of the files differs
    assert write(default(), "a", "b") == ["x.csv", "x.png"]
    assert write(default(), "d", "b") == ["x-3.csv", "x-3.png"]
    assert write(default(), "a") == ["x.csv"]
    Path("of/x-4.png").mkdir()
    assert write(default(), "e", "e") == ["x-5.csv", "x-5.png"]
    assert contents() == {
        "of/x.csv": "a",
        "of/x.png": "b",
        "of/x-2.csv": "a",
        "of/x-2.png": "c",
        "of/x-3.csv": "d",
        "of/x-3.png": "b",
        "of/x-5.csv": "e",
        "of/x-5.png": "e",
    }


def test_a_broken_link_has_a_name_too():
    Path("x.csv").symlink_to("nowhere")
    assert write(OutputFiles(None, Path("x"), (".csv",)), "a") == ["x-2.csv"]
    assert not Path("nowhere").exists()


def test_a_name_that_the_user_gives_is_replaced():
    for text in ("a", "b"):
        assert write(OutputFiles(destination("new/y.csv"), Path("x"), (".csv",)), text) == ["y.csv"]
    assert contents() == {"new/y.csv": "b"}


def test_two_commands_that_write_at_a_time_have_two_names():
    first, second = (OutputFiles(None, Path("x"), (".csv",)) for _ in range(2))
    with first.writing() as [one], second.writing() as [other]:
        one.write_text("a")
        other.write_text("b")
    assert {path.name: path.read_text() for each in (first, second) for path in each.written} == {
        "x-2.csv": "a",
        "x.csv": "b",
    }


def test_a_name_that_the_user_gives_loses_the_files_of_an_earlier_call():
    out = destination("c.npy")
    assert write(OutputFiles(out, Path("x"), (".npy", "-logvar.npy")), "a", "b") == ["c.npy", "c-logvar.npy"]
    assert write(OutputFiles(out, Path("x"), (".npy", "-logvar.npy")), "d") == ["c.npy"]
    assert contents() == {"c.npy": "d"}


def test_a_whole_ending_is_left_out_of_a_name():
    assert OutputFiles(destination("m-maps.npy"), Path("x"), ("-maps.npy", ".png")).stem == Path("m")


@pytest.mark.parametrize("given", ["x.txt", "new/x.JPG", "x.h5", ".x.json"])
def test_an_ending_of_another_type_is_refused(given):
    with pytest.raises(UsageError) as refusal:
        OutputFiles(destination(given), Path("run/x"), ("-maps.npy", ".csv"))
    assert_names(str(refusal.value), f"--out {given}", ".csv, .npy", Path(given).suffix)
    OutputFiles(None, Path(given), (".csv",))  # a default name may have any, such as that of a set of pictures
    OutputFiles(destination("new/"), Path(given), (".csv",))


@pytest.mark.parametrize(
    ("given", "stem"), [("v1.5", "v1.5"), ("x.txt.csv", "x.txt"), ("x.npy", "x"), (".csv", ".csv")]
)
def test_what_is_no_type_of_a_file_belongs_to_the_name(given, stem):
    assert OutputFiles(destination(given), Path("run/x"), ("-maps.npy", ".csv")).stem == Path(stem)


@pytest.mark.parametrize("given", ["new/", "new/.", "new//"])
def test_a_slash_at_the_end_makes_a_folder(given):
    for text, name in (("a", "x.csv"), ("b", "x-2.csv")):
        assert write(OutputFiles(destination(given), Path("run/x"), (".csv",)), text) == [name]
    assert contents() == {"new/x.csv": "a", "new/x-2.csv": "b"}


def test_nothing_is_left_of_a_block_that_raises():
    Path("kept").mkdir()
    for place in ("new/deep/x", "kept/x", "x"):
        with (
            pytest.raises(KeyboardInterrupt),
            OutputFiles(destination(place), Path("x"), (".csv",)).writing() as drafts,
        ):
            drafts[0].write_text("a")
            raise KeyboardInterrupt
    assert [str(path) for path in Path().rglob("*")] == ["kept"]


def test_calls_of_one_default_name_may_run_at_the_same_time():
    first, second = (OutputFiles(None, Path("of/x"), (".csv",)) for _ in range(2))
    with first.writing() as [draft]:
        draft.write_text("a")
        assert write(second, "b") == ["x.csv"]
    assert [path.name for path in first.written] == ["x-2.csv"]
    assert contents() == {"of/x.csv": "b", "of/x-2.csv": "a"}
    assert not [path for path in Path("of").iterdir() if path.name.startswith(".")]


def test_a_long_name_can_be_written():
    assert write(OutputFiles(None, Path("x" * 240), (".csv",)), "a") == ["x" * 240 + ".csv"]


def test_a_place_that_cannot_be_written_is_an_error():
    Path("file").write_text("")
    for place in ("file/x", "file/"):
        with pytest.raises(UsageError) as error, OutputFiles(destination(place), Path("x"), (".csv",)).writing():
            pytest.fail("the block must not be entered")
        assert "file" in str(error.value) and "--out" in str(error.value)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("outputs")
    write_folder(root / "pictures", 60)
    for number, place in enumerate(("a", "b")):
        write_folder(root / place / "odd", 4, start=200 + 50 * number)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        data = f'use = "image-folder"\npath = "{root / "pictures"}"\nresolution = 12\nchannels = 1\nhold_out = 0.5'
        result = genkit(
            "run", write_recipe(root, IMAGES.replace('use = "digits"', data)), "--runs", root / "runs", "-q"
        )
    assert result.code == 0, result.err
    return root / "runs" / "0001-tiny-s0"


CALLS = (  # a command, and options that change its result but not its name
    (("score", "--data", "{root}/a/odd"), ("--fpr", "0.2")),
    (("score", "--data", "{root}/a/odd"), ("--set", "score.beta_kl=2")),
    (("anomaly", "--data", "{root}/a/odd"), ("--smooth", "2")),
    (("encode",), ("-n", "3")),
    (("reconstruct",), ("-n", "3")),
    (("interpolate",), ("--steps", "3")),
    (("sample",), ("-n", "3")),
)
OF_OTHER_PICTURES = ("score", "anomaly", "encode", "reconstruct", "interpolate")


def written_by(run: Path, command: str, *options: str) -> list[Path]:
    result = genkit(command, run, *(option.format(root=run.parents[1]) for option in options), "--json")
    assert result.code == 0, result.err
    return [Path(path) for path in json.loads(result.out)["written"]]


@pytest.mark.trains
@pytest.mark.parametrize(("call", "changed"), CALLS, ids=lambda value: " ".join(value))
def test_a_call_with_other_options_keeps_what_an_earlier_call_has_written(run, call, changed):
    first = written_by(run, *call)
    before = {path: path.read_bytes() for path in first}
    second = written_by(run, *call, *changed)
    assert {path: path.read_bytes() for path in first} == before and not {*first} & {*second}
    assert written_by(run, *call) == first


@pytest.mark.trains
@pytest.mark.parametrize("command", OF_OTHER_PICTURES)
def test_other_pictures_in_a_folder_of_the_same_name_keep_what_is_written(run, command):
    first, second = (written_by(run, command, "--data", f"{{root}}/{place}/odd") for place in ("a", "b"))
    assert not {*first} & {*second}


@pytest.mark.trains
@pytest.mark.parametrize("call", [call for call, _ in CALLS[1:]], ids=lambda value: " ".join(value))
def test_every_command_makes_a_folder_of_a_name_with_a_slash(run, call):
    for path in written_by(run, *call, "--out", "new/deep/"):
        assert path.parent == Path("new/deep") and path.is_file()


@pytest.mark.trains
def test_pictures_of_data_and_of_curves_have_the_same_rules(run):
    shutil.copytree(run, "copied")
    recipe = run / "recipe.resolved.toml"
    for command, name in ((("data", "show", recipe), "data"), (("compare", run, "copied"), "comparison")):
        assert genkit(*command).code == 0
        Path(f"{name}.png").write_bytes(b"other")
        places = ((), f"{name}-2.png"), (("--out", "new/"), f"new/{name}.png"), (("--out", "a.png"), "a.png")
        for out, expected in places:
            result = genkit(*command, *out)
            assert result.code == 0 and expected in result.out, result
            assert Path(expected).is_file() and Path(f"{name}.png").read_bytes() == b"other"
        assert "--out a.jpg" in refused(*command, "--out", "a.jpg")
