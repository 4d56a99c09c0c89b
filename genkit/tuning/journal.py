"""The file that keeps the trials of a search: a journal of Optuna, text to which each event is appended.

A database would do as well. A journal needs no file locks that network disks lack, and no migration when Optuna changes
its schema. A command that is killed while it writes loses the event of that moment only: half a line is removed.

Of a trial that has not ended only the values are read: its evaluations are in its run folder, and the pruner sees them
again from the first one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.recipe.changed_keys import changed_keys
from genkit.storage.atomic import write_file
from genkit.storage.os_errors import unreadable
from genkit.tuning.planning import SearchPlan, without_places
from genkit.tuning.search_folder import refused_if_unwritable
from genkit.tuning.study import NAME, Study, direction_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

IDENTITY = "identity"


class Journal:
    """A journal that takes the trials of a search. A method that cannot write to its file raises `UsageError`."""

    def __init__(self, plan: SearchPlan, storage: BaseStorage, file: Path):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # the search reports its trials itself
        self._storage, self._file = storage, file
        if NAME in optuna.get_all_study_names(storage):
            self._study = optuna.load_study(study_name=NAME, storage=storage)
        else:
            self._study = optuna.create_study(storage=storage, study_name=NAME, direction=direction_of(plan))

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials that are kept; of those that have not ended, the values only."""
        return [trial if trial.state.is_finished() else _as_started(trial) for trial in self._study.get_trials()]

    def check_identity(self, plan: SearchPlan, place: Path) -> None:
        """Raise `UsageError` if the trials are of another search; record the search if none is recorded yet."""
        identity = json.loads(json.dumps(plan.identity, default=str))
        kept = self._study.user_attrs.get(IDENTITY)
        if kept is None:
            self._study.set_user_attr(IDENTITY, identity)
        elif changes := changed_keys({**kept, "recipe": without_places(kept["recipe"])}, identity):
            raise UsageError(
                f"{place}: holds the trials of another search: {'; '.join(changes)}. Choose another folder with --out, "
                "or change it back."
            )

    def started(self, trial: FrozenTrial) -> None:
        """Append a trial with its values, as one event."""
        self.keep(_as_started(trial))

    def keep(self, trial: FrozenTrial) -> None:
        """Append a trial as it is."""
        with refused_if_unwritable(self._file):
            self._study.add_trial(trial)

    def ended(self, trial: FrozenTrial) -> None:
        """Append what a trial has become, and last that it has ended."""
        with refused_if_unwritable(self._file):
            self._write_end(trial)

    def _write_end(self, trial: FrozenTrial) -> None:
        storage = self._storage
        number = storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(NAME), trial.number)
        for step, value in trial.intermediate_values.items():
            storage.set_trial_intermediate_value(number, step, value)
        for name, fact in trial.system_attrs.items():
            storage.set_trial_system_attr(number, name, fact)
        for name, fact in trial.user_attrs.items():
            storage.set_trial_user_attr(number, name, fact)
        storage.set_trial_state_values(number, trial.state, trial.values)


def open_study(plan: SearchPlan, file: Path, *, retry_failed: bool = False) -> Study:
    """Return the study of a journal, which begins with it if it does not exist. The caller has locked its folder.

    With `retry_failed` the trials that have failed have only started: they keep their numbers and values. Raises
    `UsageError` for a journal that is damaged, of another search, or that cannot be read or written.
    """
    if file.exists():
        _cut_incomplete_line(file)
        if retry_failed:
            _start_failed_again(plan, file)
    with refused_if_unwritable(file):
        journal = _open(plan, file)
    return Study(plan, journal.trials, journal)


def copied_study(plan: SearchPlan, file: Path, *, retry_failed: bool = False) -> Study:
    """Return a study in memory with the trials of a journal, if it exists. Nothing is written to it.

    `retry_failed`, and what is raised, are those of `open_study`.
    """
    from tempfile import TemporaryDirectory

    if not file.exists():
        return Study(plan)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        copy.write_bytes(_complete_lines(file))
        try:
            if retry_failed:
                _start_failed_again(plan, copy)
            return Study(plan, _open(plan, copy).trials)
        except UsageError as error:
            raise UsageError(str(error).replace(folder, str(file.parent))) from None


def _start_failed_again(plan: SearchPlan, file: Path) -> None:
    """Replace a journal by one in which the trials that have failed have not ended: an end cannot be taken back."""
    from tempfile import TemporaryDirectory

    from optuna.trial import TrialState

    trials = _open(plan, file).trials
    if all(trial.state != TrialState.FAIL for trial in trials):
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        journal = _open(plan, copy)
        for trial in trials:
            journal.keep(_as_started(trial) if trial.state == TrialState.FAIL else trial)
        content = copy.read_bytes()
    with refused_if_unwritable(file):
        write_file(file, content)


def _open(plan: SearchPlan, file: Path) -> Journal:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        journal = Journal(plan, JournalStorage(JournalFileBackend(str(file), lock_obj=_no_lock(file))), file)
        _ = journal.trials
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise UsageError(
            f"{file}: damaged ({type(error).__name__}: {error}). Move the file away: the same command then starts "
            "again, and takes the results of the runs that have finished."
        ) from None
    journal.check_identity(plan, file.parent)
    return journal


def _no_lock(file: Path) -> Any:
    """Return a lock that is always free: the folder is locked, and a killed command must not leave a lock behind."""
    from optuna.storages.journal import JournalFileOpenLock

    class NoLock(JournalFileOpenLock):
        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            pass

    return NoLock(str(file))


def _as_started(trial: FrozenTrial) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    return create_trial(state=TrialState.RUNNING, params=trial.params, distributions=trial.distributions)


def _cut_incomplete_line(file: Path) -> None:
    complete = _complete_lines(file)
    if len(complete) != file.stat().st_size:
        with refused_if_unwritable(file):
            write_file(file, complete)


def _complete_lines(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None
    return content[: content.rfind(b"\n") + 1]
