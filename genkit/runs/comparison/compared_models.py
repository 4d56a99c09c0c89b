"""What the models of compared runs make of the same latent codes and of the same held-out samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.model import Autoencoder, Model
from genkit.core.noise import Noise
from genkit.core.reconstruction_error import mean_squared_error
from genkit.errors import UsageError
from genkit.evaluation.reconstruct import reconstruct_samples
from genkit.evaluation.samples import (
    SelectedSamples,
    decoded_codes,
    describe_samples,
    labels_in_turn,
    latent_codes,
    select_samples,
)
from genkit.part_code import describe_bug
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.trained_models.trained import Trained, open_held_out, open_trained

HELD_OUT = "test"  # the split whose fingerprint says whether two runs have the same held-out data
TOLERANCE = 1e-6  # of codes that are called the same: float32 and float64 round differently


@dataclass(frozen=True)
class ModelOutputs:
    """What one model makes of the codes and samples of a comparison."""

    run: ComparedRun
    weights: str  # "step 300, ema weights"
    samples: Tensor  # decoded codes, (N, *data_shape)
    codes: Tensor  # (N, L)
    own_codes: str  # why the codes are not those of the first run on such samples; empty if they are
    classes: Sequence[str]  # the class of each sample; empty unless the model is conditional
    inputs: SelectedSamples | None  # held-out samples, and where they are from; None without data
    reconstructions: Tensor | None  # of the inputs; None without data or encoder
    errors: Sequence[float]  # mean squared error of each reconstruction of an image
    error: float | None  # of all reconstructions
    model: Model | None  # of points only, since several models of images may not fit into memory


@dataclass
class ComparedModels:
    """The outputs of the runs that have a model here, and remarks on those that do not."""

    outputs: list[ModelOutputs] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    described: dict[str, str] = field(default_factory=dict)  # the held-out samples, by the first run that has them


def run_models(comparison: Comparison, number: Callable[[tuple[int, ...]], int]) -> ComparedModels:
    """Load the models one after the other, and run each on the same codes and held-out samples.

    `number` says how many samples of a shape are wanted. A run without a checkpoint, data or plugins is left out, with
    a remark. Codes are draws of the prior with the seed of the first run; they are the same for models whose latent
    dimensions and priors agree.
    """
    return _Runner(comparison, number).run()


class _Runner:
    """Keeps what runs share: the noise, the codes and the held-out samples."""

    def __init__(self, comparison: Comparison, number: Callable[[tuple[int, ...]], int]):
        self._comparison, self._number = comparison, number
        self._found = ComparedModels()
        self._noise: Noise | None = None
        self._held_out: dict[tuple[str, tuple[int, ...]], SelectedSamples | None] = {}

    def run(self) -> ComparedModels:
        for run in self._comparison.runs:
            try:
                trained = open_trained(run.folder.path)
            except (UsageError, OSError) as error:
                self._remark(run, f"no pictures: {error}")
                continue
            try:
                self._found.outputs.append(self._outputs(run, trained))
            except (UsageError, OSError) as error:
                self._remark(run, f"no pictures: {error}")
            except Exception as error:  # of the code of a part
                self._remark(run, f"no pictures: {describe_bug(trained.model, error)}")
        return self._found

    def _remark(self, run: ComparedRun, text: str) -> None:
        self._found.remarks.append(f"{run.name}: {text}")

    @torch.no_grad()
    def _outputs(self, run: ComparedRun, trained: Trained) -> ModelOutputs:
        model = trained.model
        self._noise = self._noise or trained.noise
        count = self._number(model.data_shape)
        labels = labels_in_turn(count, model)
        with model.given(None if labels is None else {LABEL: labels}):
            codes = latent_codes(count, model, self._noise).double().cpu()
        inputs = self._inputs(run, model, count)
        outputs, errors, error = None, [], None
        if inputs is not None and isinstance(model, Autoencoder):
            x = inputs.x.to(next(model.parameters()))
            outputs = reconstruct_samples(model, x, inputs.extra)
            if x.ndim == 4:
                errors = [mean_squared_error(x[n : n + 1].cpu(), outputs[n : n + 1]) for n in range(len(x))]
            error = mean_squared_error(x.cpu(), outputs)
        elif inputs is not None:
            self._remark(run, f"its model, {type(model).__name__}, has no encoder, so it has no reconstructions.")
        weights = f"{trained.weights} weights"
        return ModelOutputs(
            run=run,
            weights=f"{trained.trained}, {weights}" if trained.trained else weights,
            samples=decoded_codes(count, model, self._noise, labels),
            codes=codes,
            own_codes=self._why_own(codes, model),
            classes=_class_names(model, labels),
            inputs=inputs,
            reconstructions=outputs,
            errors=errors,
            error=error,
            model=model if len(model.data_shape) == 1 else None,
        )

    def _why_own(self, codes: Tensor, model: Model) -> str:
        """Return why the codes differ from those of the first run on such samples; empty if they are the same.

        Points and images are shown apart, so a run on images is compared with the first run on images.
        """
        alike = [each.codes for each in self._found.outputs if len(each.samples.shape[1:]) == len(model.data_shape)]
        first = alike[0] if alike else codes
        if codes.shape[1] != first.shape[1]:
            return f"its own codes, of {codes.shape[1]} dimensions instead of {first.shape[1]}"
        shared = min(len(codes), len(first))
        if torch.allclose(codes[:shared], first[:shared], rtol=TOLERANCE, atol=TOLERANCE):
            return ""
        return f"its own codes, of another prior: {type(model.prior).__name__}"

    def _inputs(self, run: ComparedRun, model: Model, count: int) -> SelectedSamples | None:
        """Return held-out samples, the same for all runs whose held-out data are the same; None if there are none."""
        name = self._comparison.data_of(run, HELD_OUT)
        key = (name, model.data_shape)
        if self._held_out.get(key) is None:
            assert self._noise is not None
            try:
                held_out = open_held_out(run.folder.path)
                selected = select_samples(count, model, held_out, self._noise)
            except (UsageError, OSError) as error:
                self._remark(run, f"no held-out samples: {error}")
                return None
            if len(selected.x) == 0:
                self._remark(run, f"the {held_out.split} split of its data has no samples.")
                return None
            self._held_out[key] = selected._replace(x=selected.x.cpu())
            self._found.described[name] = f"{len(selected.x)} {describe_samples(len(selected.x), held_out)}"
        return self._held_out[key]


def _class_names(model: Model, labels: Tensor | None) -> list[str]:
    if labels is None:
        return []
    names = model.class_facts.names if model.class_facts else ()
    return [names[label] if label < len(names) else str(label) for label in labels.tolist()]
