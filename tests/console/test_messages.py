"""Output of the console, compared with tests/golden/console.txt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rich.progress import Progress

from genkit.console.output import Console
from genkit.console.quantities import quantity
from genkit.console.run_progress import ProgressBar, ProgressInNotebook, ProgressLines, SilentProgress


def result(label: str, value: float | None) -> SimpleNamespace:
    return SimpleNamespace(label=label, value=value)


def test_messages(golden, capsys, monkeypatch) -> None:
    seconds = iter([0.0, 0.0, 4.0, 12.0, 20.0])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    console = Console()
    console.print("text with [brackets]")
    console.table("Results", ("metric", "value"), [("modes", "8"), ("[fid]", "12.3")])
    console.table("An empty table is not printed", ("metric",), [])
    with console.progress(40) as progress:
        progress.update(1, None)
        progress.update(10, {"step": 10, "vae/total": 1.23456, "vae/kl": 0.5})  # too soon for a line
        progress.update(20, {"step": 20, "vae/total": 1.0})
        progress.evaluated(20, [result("modes", 7.0), result("fid", None)])
        progress.update(40, {"step": 40, "encoder/total": 0.5, "decoder/total": 2.0})
    for value in (999, 1000, 1.234e9, 5e17, 1.2e20, 3e27):
        console.print(quantity(value, "B"))
    golden("console", "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines()))


def test_a_note_stands_beside_its_value(capsys) -> None:
    results, notes = [result("modes", 7.0), result("fid", None), result("jsd", 0.5)], {"modes": "raw weights"}
    notes["fid"] = "raw weights"  # which has no value
    shown: list[str] = []
    notebook = ProgressInNotebook(lambda text, share: shown.append(text), 40)
    notebook.evaluated(20, results, notes)
    notebook.update(40, None)
    ProgressLines(Console(), 40).evaluated(20, results, notes)
    with Progress(console=Console().rich) as bar:
        ProgressBar(bar, 40).evaluated(20, results, notes)
    printed = capsys.readouterr().out
    for text in (shown[-1], *(line for line in printed.splitlines() if line.startswith("step 20"))):
        assert text.endswith("modes 7 (raw weights)  fid refused  jsd 0.5")
    assert printed.count("raw weights") == 2


@pytest.mark.parametrize("options", [{"silent": True}, {"quiet": True}])
def test_a_quiet_console_shows_no_progress_and_no_information(capsys, options) -> None:
    console = Console(**options)
    console.info("information")
    with console.progress(10) as progress:
        assert type(progress) is SilentProgress
        progress.update(10, {"step": 10, "vae/total": 1.0})
    console.print("result")
    assert capsys.readouterr().out == ("" if "silent" in options else "result\n")


def test_progress_in_a_pipe_is_lines(capsys) -> None:
    with Console().progress(10) as progress:
        assert type(progress) is ProgressLines
