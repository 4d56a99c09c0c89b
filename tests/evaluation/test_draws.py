"""Samples of an evaluation: the same in each pass, and different in each chunk, source and seed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genkit.core.dataset import Samples
from genkit.core.model import Model
from genkit.evaluation.draws import ChunkedDraws, draws


class Codes(Model):
    """Model whose samples are its latent codes."""

    latent_dim, data_shape = 2, (2,)

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))

    def sample(self, z: Tensor) -> Tensor:
        return z


@dataclass(frozen=True)
class Drawn:
    """Density that draws its points under the tag of latent codes."""

    shape = (2,)
    size = None
    split = "drawn"

    def batch(self, indices, noise) -> Samples:
        return Samples(noise.randn("z", 2))


def both(total: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return all generated and all reference samples, (total, 2) each."""
    generated, reference = draws(Codes(), Drawn(), total, seed)
    assert len(generated) == len(reference) == total
    return torch.cat(list(generated)), torch.cat(list(reference))


def test_no_sample_occurs_twice():
    """Chunks with equal noise would evaluate the same 1,000 samples again and again."""
    everything = torch.cat([*both(3500), *both(3500, seed=1)])
    assert everything.shape == (4 * 3500, 2)
    assert len(everything.unique(dim=0)) == 4 * 3500


def test_the_codes_are_those_of_the_prior():
    codes, _ = both(50_000)
    torch.testing.assert_close(codes.mean(dim=0), torch.zeros(2), rtol=0, atol=0.02)
    torch.testing.assert_close(codes.T.cov(), torch.eye(2), rtol=0, atol=0.03)


def test_every_pass_yields_the_same_samples():
    for side in draws(Codes(), Drawn(), 2500, 0):
        assert torch.equal(torch.cat(list(side)), torch.cat(list(side)))


def test_the_last_chunk_holds_the_rest():
    chunks = ChunkedDraws(7, lambda start, size: torch.arange(start, start + size), rows=3)
    assert [chunk.tolist() for chunk in chunks] == [[0, 1, 2], [3, 4, 5], [6]]
