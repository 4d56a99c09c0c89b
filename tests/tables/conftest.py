"""A table of three cells and two seeds, beside the recipe that it uses."""

import pytest
from support.commands import TINY

TABLE = """\
title = "A & B | C_1"
metrics = ["modes"]
seeds = [0, 1]

[columns.narrow]
recipe = "tiny.toml"
ignore = ["loss.beta_kl"]

[columns.wide]
title = "wide 100%"
recipe = "tiny.toml"
set.model.width = 32
set.train.steps = 7

[rows.a]
set.loss.beta_kl = 0.5

[rows.b]
title = "B_2"
set.train.steps = 9
set.loss = { beta_kl = 0.25, beta_rec = 2.0 }
columns = ["wide"]

[published]
source = "nobody"
cells.a.wide = { modes = 8.0 }
"""


@pytest.fixture
def table_file(tmp_path):
    """Return a function that writes the table, with pieces of its text replaced, and returns its path."""
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")

    def write(*changes):
        text = TABLE
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (tmp_path / "table.toml").write_text(text, encoding="utf-8")
        return tmp_path / "table.toml"

    return write
