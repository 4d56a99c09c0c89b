"""Names with characters that a terminal would obey, or that turn a line around, on one line."""

import pytest

from genkit.console.escapes import escaped, in_one_line, with_one_line_names

pytestmark = pytest.mark.fast


def test_controls_of_a_terminal_and_of_direction_are_spelled_out():
    assert escaped("a\x1b[2J\u202eb\u2028c\u2066") == r"a\x1b[2J\u202eb\u2028c\u2066"
    assert escaped("שלום é 好\n\t") == "שלום é 好\n\t"


def test_no_character_breaks_the_line_of_a_name():
    every = "".join(map(chr, range(0x3000)))
    assert in_one_line("a\nb\tc") == r"a\nb\tc"
    assert len(in_one_line(every).splitlines()) == 1


def test_the_words_of_a_call_are_on_one_line_in_a_message_of_several():
    words = ["export", "new\nrun", "--out=new\nfolder", "\n"]
    message = "new\nrun: wrong.\nnew\nfolder: wrong, too."
    assert with_one_line_names(message, words) == "new\\nrun: wrong.\nnew\\nfolder: wrong, too."
