"""Pictures of this room are laid out as those of a user."""

import pytest


@pytest.fixture(autouse=True)
def _laid_out(laid_out):
    pass
