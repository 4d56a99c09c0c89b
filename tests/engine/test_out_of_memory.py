"""Memory that is not enough: which errors mean it, and what the message says."""

import pytest
import torch
from support.messages import assert_names

from genkit.engine.out_of_memory import describe_out_of_memory, is_out_of_memory, refused_if_out_of_memory
from genkit.errors import UsageError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("size", [(10**15,), (10**18, 4), (10**30,)], ids=["too much", "many bytes", "many"])
def test_an_error_of_the_allocator_is_a_message_without_its_code(size):
    with pytest.raises(UsageError) as caught, refused_if_out_of_memory("9 samples", "Draw fewer."):
        torch.empty(size)
    assert_names(caught.value, "9 samples: out of memory: ", "Draw fewer.")
    assert "enforce" not in str(caught.value)


def test_the_message_says_how_much_was_asked_for():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15, dtype=torch.uint8)
    assert "1 PB" in describe_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB.\nMore")])
def test_errors_of_python_and_of_a_gpu_are_known(error):
    assert is_out_of_memory(error) and describe_out_of_memory(error).startswith("out of memory")


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"), refused_if_out_of_memory("9 samples", "Draw fewer."):
        raise RuntimeError("shapes cannot be multiplied")
