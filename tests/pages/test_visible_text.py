"""Texts of a page: keys that may break, commands as code, and nothing that turns text around; HTML stays text."""

import pytest

from genkit.pages.visible_text import breakable, visible, with_code

pytestmark = pytest.mark.fast


def test_a_key_may_break_after_full_stops_and_underscores_only():
    assert breakable("loss.warmup_steps") == "loss.<wbr>warmup_<wbr>steps"
    assert breakable("a<b>.c") == "a&lt;b&gt;.<wbr>c"
    assert breakable("plain") == "plain"


def test_what_stands_between_backticks_is_code():
    assert with_code("call `genkit resume <b>` now") == "call <code>genkit resume &lt;b&gt;</code> now"
    assert with_code("a ` alone, `` and <b>") == "a ` alone, `` and &lt;b&gt;"
    flag = '<span class="flag">--out-put</span>'
    assert with_code("--a `run <b> --out-put x-y`") == f"--a <code>run &lt;b&gt; {flag} x-y</code>"
    assert with_code("`a` and `b`") == "<code>a</code> and <code>b</code>"


@pytest.mark.parametrize("control", ["\u202e", "\u2066", "\u200f", "\u061c"], ids=ascii)
def test_controls_of_direction_are_spelled_out(control):
    spelled = f"a\\u{ord(control):04x}b"
    assert visible(f"a{control}b") == with_code(f"a{control}b") == breakable(f"a{control}b") == spelled
    assert visible("שלום é\u00ad") == "שלום é\u00ad" and visible(3) == 3
