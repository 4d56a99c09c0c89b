"""Public interface for the code of parts: built-in parts and plugins import this package, and nothing else of genkit.

    from genkit.api import DensitySet, Doc, ModelMetric, PositiveFloat

The modules below group the names by kind. `genkit.api` has them all, except those of `genkit.api.pictures` and
`genkit.api.scoring`, which few parts need. The ``__init__`` module of a plugin imports `genkit.hooks` instead, which
does not import torch.
"""

# ruff: noqa: F403, F405
from genkit.api import callbacks, data, fields, losses, messages, metrics, models, priors
from genkit.api.callbacks import *
from genkit.api.data import *
from genkit.api.fields import *
from genkit.api.losses import *
from genkit.api.messages import *
from genkit.api.metrics import *
from genkit.api.models import *
from genkit.api.priors import *

__all__: list[str] = []
__all__ += callbacks.__all__
__all__ += data.__all__
__all__ += fields.__all__
__all__ += losses.__all__
__all__ += messages.__all__
__all__ += metrics.__all__
__all__ += models.__all__
__all__ += priors.__all__

# Old names. They are kept for one version, so that plugins written for version 0.1 can still be imported.
Constant = ConstantSchedule
Count = PositiveInt
Fraction = UnitInterval
NonNegative = NonNegativeFloat
OfModel = ModelMetric
Positive = PositiveFloat
Steps = NonNegativeInt
