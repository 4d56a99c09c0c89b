"""Precision of products of float32 on a GPU: that of the recipe, whatever the program around genkit has set."""

import pytest
import torch

from genkit.engine.distributed import World


@pytest.fixture(autouse=True)
def _restore():
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = convolutions


@pytest.mark.parametrize(
    ("precision", "products", "convolutions"),
    [("fp32", "highest", False), ("bf16", "highest", False), ("tf32", "high", True)],
)
def test_float32_is_tf32_only_if_the_recipe_says_so(precision, products, convolutions):
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = not convolutions
    World(precision)
    assert torch.get_float32_matmul_precision() == products
    assert torch.backends.cudnn.allow_tf32 is convolutions
