"""The script of charts is made once, and again if its cache is damaged or cannot be written."""

import pytest

from genkit.pages import vega

SCRIPT = "window.vegaEmbed = 1;".ljust(200_000)


@pytest.fixture
def made(monkeypatch):
    """Replace the making by one that counts. Return the list of calls."""
    calls = []
    monkeypatch.setattr(vega, "_make", lambda: calls.append(1) or SCRIPT)
    vega.vega_script.cache_clear()
    yield calls
    vega.vega_script.cache_clear()


def fresh() -> str:
    vega.vega_script.cache_clear()
    return vega.vega_script()


@pytest.mark.usefixtures("own_cache")
def test_the_script_is_made_once_and_kept(made, tmp_path):
    assert fresh() == fresh() == SCRIPT and len(made) == 1
    (kept,) = (tmp_path / "cache" / "pages").iterdir()
    for damage in (b"", b"\xff" * 200_000, SCRIPT[:1000].encode(), (SCRIPT + "</script>").encode()):
        kept.write_bytes(damage)
        assert fresh() == SCRIPT
    assert len(made) == 5 and kept.read_text() == SCRIPT


def test_the_script_is_made_without_a_cache(made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "file"))
    assert fresh() == SCRIPT


@pytest.mark.usefixtures("without_home")
def test_the_script_is_made_without_a_home_folder(made):
    assert fresh() == SCRIPT


@pytest.mark.trains
def test_the_package_makes_a_script_that_a_page_can_hold():
    script = vega._make()
    assert len(script) < 1_000_000 and "expressionInterpreter" not in vega.SNIPPET and "vegaEmbed" in script
