"""Laws of losses, all of them on one model and one batch."""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.loss import Action, Loss
from genkit.core.model import Model
from genkit.recipe.binding.part_fields import with_schedules
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.phase_result import checked_result
from genkit.recipe.trial.try_action import USE_THE_NOISE, try_action
from genkit.recipe.trial.try_loss import actions_of
from genkit.testing.examples import first_accepted
from genkit.testing.law import Law, assert_finite, assert_same, hold
from genkit.testing.loss_declarations import law_of_children, laws_without_a_model
from genkit.testing.loss_examples import example_model
from genkit.testing.loss_trial import LossTrial
from genkit.testing.losses import assert_gradients_reach_updates, assert_processes_agree, phase_gradients
from genkit.testing.models import batch_for
from genkit.testing.two_processes import on_two_processes


def assert_loss_is_lawful(loss: Loss, model: Model | None = None, batch: Batch | None = None) -> None:
    """Assert what the training loop assumes of a loss, at the start, in the middle and at the end of a run.

    - Phases, actions, targets and remarks are what `genkit.api` documents, and the model has the children they name.
    - Each phase returns a finite total with a gradient, and detached terms.
    - A phase draws from the batch only; a second call returns the same numbers, prints nothing and changes nothing.
    - It uses no value of a tensor in Python: it runs on torch's meta device.
    - Each phase has a finite gradient for every parameter that it updates.
    - Two processes, and two micro-batches, have the totals and gradients of one batch, and actions that change the
      model alike.

    Without a model it is a small autoencoder of points, or the first other one that the loss does not refuse: of
    images, or a GAN. Without a batch the samples are uniform on [0, 1]. Give both in float64, the batch with an even
    number of rows. Raises `ValueError` if no small model has the children that the loss names, nor similar ones.
    """
    loss = with_schedules(loss)
    if model is None:
        model = example_model(loss, lambda each: _Laws(loss, each, batch_for(each)).totals_and_terms())
    hold(loss, _Laws(loss, model, batch or batch_for(model)).laws())


def accepted_model(loss: Loss, among: Iterable[Model]) -> Model | None:
    """Return the first model that a loss does not refuse; the first of all if it refuses all; None for no model."""
    models = iter(among)
    first = next(models, None)
    if first is None:
        return None
    return first_accepted(
        itertools.chain([first], models), lambda model: _Laws(loss, model, batch_for(model)).totals_and_terms()
    )


class _Laws(LossTrial):
    """The laws of a loss on one model and one batch."""

    def laws(self) -> list[Law]:
        return [
            *laws_without_a_model(self.loss),
            law_of_children(self.loss, self.model, self.given.noise.rows.total),
            Law(
                "totals and terms",
                self.totals_and_terms,
                "The total is a finite mean over the batch, with a gradient; the terms are detached scalars",
                basic=True,
            ),
            Law(
                "changes nothing",
                self.changes_nothing,
                "Change the model in an action only, and call no backward(): the loop computes the gradients",
            ),
            Law("draws from the batch only", self.draws, USE_THE_NOISE.rstrip(".")),
            Law(
                "the same again",
                self.again,
                "Keep no state in the loss and take no random numbers but those of the batch",
            ),
            Law("prints nothing", self.silent, "Return what you want to see as a term of the phase; the log has it"),
            Law(
                "no tensor values in Python",
                self.without_values,
                "Use no .item(), float(), `if` on a tensor or NumPy; torch.where chooses without a value",
            ),
            Law(
                "reaches what it updates",
                self.reaches,
                "Compute the total from the children in `updates` without .detach() or torch.no_grad(), or name fewer "
                "children",
            ),
            Law(
                "finite gradients",
                self.gradients,
                "Add a small number below a square root and within a logarithm, and divide by nothing that can be 0",
                basic=True,
            ),
            Law(
                "two processes are one",
                self.processes,
                "A plain mean over the batch needs no gather; every other statistic does: batch.gather(x)",
            ),
            Law(
                "actions change in place",
                self.in_place,
                "Let an action change the tensors of the model and of the targets in place, and return nothing",
            ),
            Law(
                "actions of two processes are one",
                self.actions,
                "Gather the rows that an action computes with, batch.gather(x), and draw for all rows alike",
            ),
        ]

    def totals_and_terms(self) -> None:
        fresh = self.fresh()  # so that a loss that changes its model is found by the next law
        for phase, batch in fresh.calls():
            result = checked_result(phase, fresh.call(phase, batch))
            for name, value in {"total": result.total, **result.terms}.items():
                assert_finite(value, f'phase "{phase.name}", {name} at t = {batch.t:g}')

    def draws(self) -> None:
        for phase, batch in self.calls():
            with refusing_global_draws(phase.loss, remedy=""):
                self.call(phase, batch)

    def again(self) -> None:
        for (phase, batch), (same, again) in zip(self.calls(), self.calls(), strict=True):
            first, second = self.call(phase, batch), self.call(same, again)
            assert_same(second.total, first.total, f'phase "{phase.name}", the total of a second call')
            assert first.terms.keys() == second.terms.keys(), f'phase "{phase.name}": a second call has other terms'
            for name, term in first.terms.items():
                assert_same(second.terms[name], term, f'phase "{phase.name}", the term {name} of a second call')

    def silent(self) -> None:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as error:
            for phase, batch in self.calls():
                self.call(phase, batch)
        text = (out.getvalue() + error.getvalue()).strip()
        assert not text, f"it printed {text.splitlines()[0][:80]!r}" if text else ""

    def changes_nothing(self) -> None:
        self.evaluating().changes_no_state()  # first: a second call may write what the first has written
        x, state = self.given.x.clone(), {name: each.clone() for name, each in self.model.named_parameters()}
        for phase, batch in self.calls():
            self.call(phase, batch)
            assert torch.equal(self.given.x, x), f'phase "{phase.name}" changes batch.x'
            for name, parameter in self.model.named_parameters():
                assert torch.equal(parameter, state[name]), f'phase "{phase.name}" changes {name}'
                assert parameter.grad is None, f'phase "{phase.name}" sets the gradient of {name}'

    def changes_no_state(self) -> None:
        """Compare the buffers too, and the targets. In evaluation mode no forward pass updates running statistics."""
        for phase, batch in self.calls():
            networks = {"the model": self.model, **{f"the target {name}": each for name, each in batch.targets.items()}}
            before = {network: _state(each) for network, each in networks.items()}
            self.call(phase, batch)
            for network, each in networks.items():
                for name, tensor in _state(each).items():
                    same = torch.equal(tensor, before[network][name])
                    assert same, f'phase "{phase.name}" changes {name} of {network}'

    def without_values(self) -> None:
        trial = self.on_meta()
        for phase, batch in trial.calls():
            trial.call(phase, batch)

    def reaches(self) -> None:
        for step, batch in self.steps():
            assert_gradients_reach_updates(self.loss, self.model, batch, step=step)

    def gradients(self) -> None:
        for step, batch in self.steps():
            for phase in self.loss.phases():
                for name, gradient in phase_gradients(phase, self.model, batch).items() if phase.due(step) else ():
                    if gradient is not None:  # another law reports it
                        assert_finite(gradient, f'phase "{phase.name}", the gradient of {name} at t = {batch.t:g}')

    def processes(self) -> None:
        for step, batch in self.steps():
            assert_processes_agree(self.loss, self.model, batch, step=step)

    def in_place(self) -> None:
        trial = self.fresh()
        for action in actions_of(self.loss):
            try_action(trial.model, action, trial.batch())

    def actions(self) -> None:
        for action in actions_of(self.loss):

            def changed(batch: Batch, action: Action = action) -> nn.Module:
                return _after(action, self.model, batch)

            alone = changed(self.batch()).state_dict()
            for rank, together in enumerate(on_two_processes(self.batch(), changed)):
                for name, tensor in together.state_dict().items():
                    what = f'action "{action.name}", {name} on process {rank} of two'
                    assert_same(tensor, alone[name], what, rtol=1e-9, atol=1e-12)


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters and buffers, also of those that are not stored."""
    return {name: each.detach().clone() for name, each in (*network.named_parameters(), *network.named_buffers())}


def _after(action: Action, model: Model, batch: Batch) -> nn.Module:
    """Return copies of the model and of the targets after an action."""
    model, targets = copy.deepcopy(model), copy.deepcopy(dict(batch.targets))
    with torch.no_grad(), model.given(batch.extra, *targets.values()):
        action.do(model, replace(batch.in_phase(action.name), targets=targets, prior=model.prior))
    return nn.ModuleDict({"model": model, "targets": nn.ModuleDict(targets)})
