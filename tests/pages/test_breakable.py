"""Keys that may break: the text is the key, and HTML in it stays text."""

import pytest

from genkit.pages.breakable import breakable

pytestmark = pytest.mark.fast


def test_a_key_may_break_after_full_stops_and_underscores_only():
    assert breakable("loss.warmup_steps") == "loss.<wbr>warmup_<wbr>steps"
    assert breakable("a<b>.c") == "a&lt;b&gt;.<wbr>c"
    assert breakable("plain") == "plain"
