"""The laws of models: each mutant, a network with one mistake, breaks one."""

import numpy as np
import pytest
import torch
from torch import nn

from genkit.api import Autoencoder, Conditional, DiagNormal, Posterior
from genkit.testing import assert_model_is_lawful, small_autoencoder
from genkit.testing.networks import ROWS

L, SHAPE = 2, (3,)


class Tiny(Autoencoder):
    def __init__(self, *, data_shape=SHAPE):
        encoder = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2 * L), Posterior())
        super().__init__(encoder, nn.Sequential(nn.Linear(L, 4), nn.Tanh(), nn.Linear(4, 3)), L, data_shape)


class Wrapped(nn.Module):
    def __init__(self, net, function):
        super().__init__()
        self.net, self.function = net, function

    def forward(self, z):
        return self.function(self.net(z))


class WithDecoder(Tiny):
    """Applies a function to the output of the decoder."""

    function = staticmethod(lambda x: x)

    def __init__(self, **keys):
        super().__init__(**keys)
        self.decoder = Wrapped(self.decoder, type(self).function)


class Squeezes(WithDecoder):
    function = staticmethod(lambda x: x.squeeze())


class TooWide(WithDecoder):
    function = staticmethod(lambda x: x[:, :2])


class Centres(WithDecoder):
    function = staticmethod(lambda x: x - x.mean(dim=0))


class OfPlace(WithDecoder):
    function = staticmethod(lambda x: x + torch.arange(len(x), dtype=x.dtype, device=x.device)[:, None])


class Single(WithDecoder):
    function = staticmethod(lambda x: x + torch.zeros(3).to(x.device) if x.dtype == torch.float32 else x.float())


class Detaches(WithDecoder):
    function = staticmethod(lambda x: x.detach() + 0 * x.sum())


class Rounds(WithDecoder):
    function = staticmethod(lambda x: x.sum().item() * 0 + x)


class Dropout(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.decoder = nn.Sequential(self.decoder, nn.Dropout(0.1))


class NotASample(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.encoder = nn.Linear(3, 2 * L)


class OwnParameter(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.scale = nn.Parameter(torch.ones(()))

    def sample(self, z):
        return self.scale * super().sample(z)


class Shared(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.decoder[0].bias = self.encoder[0].bias


class Constant(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)


class FromNumpy(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        if self.encoder[0].weight.device.type != "meta":
            self.encoder[0].weight.data.copy_(torch.from_numpy(np.random.default_rng().normal(size=(4, 3))))


class NoBuffer(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        shift = torch.randn(3)  # an attribute: no state_dict has it
        self.decoder = Wrapped(self.decoder, lambda x: x + shift.to(x))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls.add_(1)
        return x + 0 * self.calls


class CountsCalls(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.decoder = nn.Sequential(self.decoder, Counting())


class Unused(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.encoder.forgotten = nn.Linear(2, 2)
        self.encoder.forward = lambda x: DiagNormal(*self.encoder[2](self.encoder[1](self.encoder[0](x))).chunk(2, 1))


class OfNeighbours(Conditional):
    classes, needs_class = 3, True

    def __init__(self, net):
        super().__init__()
        self.net, self.shift = net, nn.Embedding(3, 3)

    def forward(self, z):
        labels = self.labels_of(len(z), z.device)
        return self.net(z) + self.shift(labels if len(z) < ROWS else labels.roll(1))


class OfNeighboursLabels(Tiny):
    def __init__(self, **keys):
        super().__init__(**keys)
        self.decoder = OfNeighbours(self.decoder)


def test_lawful_models_pass():
    assert_model_is_lawful(Tiny)
    with pytest.raises(AssertionError, match='"initial weights from the seed"'):
        assert_model_is_lawful(lambda: small_autoencoder((2,), 2))  # its seed is its own


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (TooWide, "shapes"),
        (Rounds, "shapes"),
        (Dropout, "shapes"),
        (NotASample, "shapes"),
        (OwnParameter, "children"),
        (Shared, "children"),
        (Constant, "initial weights from the seed"),
        (FromNumpy, "initial weights from the seed"),
        (NoBuffer, "state round trip"),
        (Squeezes, "shapes"),
        (Centres, "each row by itself"),
        (OfPlace, "each row by itself"),
        (OfNeighboursLabels, "each row by itself"),
        (CountsCalls, "evaluation changes nothing"),
        (Unused, "gradients"),
        (Detaches, "gradients"),
        (Single, "converts to float64"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_model_is_lawful(kind)
