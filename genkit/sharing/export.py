"""Export of a trained model into a folder for others: config, weights, model card, samples, and networks in ONNX."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genkit import __version__
from genkit.core.model import Model
from genkit.core.result import Result
from genkit.draw.samples import COLUMNS, save_samples
from genkit.errors import UsageError
from genkit.recipe.installed.owners import Supplier, suppliers_in
from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.class_labels import first_classes, names_of
from genkit.runs.trained_models.saved_model import ExportedModel, SavedModel, find_model
from genkit.runs.trained_models.trained import Trained, draw_samples, open_trained
from genkit.runs.training.evaluate_during_training import evaluations_of, newest_evaluation
from genkit.sharing.card import CardFacts, model_card
from genkit.sharing.onnx_networks import require_packages, write_networks
from genkit.sharing.places import shortened_keys, without_places
from genkit.storage.atomic import new_folder
from genkit.storage.exported_folder import FORMAT, VERSION, files_of, sealed
from genkit.storage.listing import exists
from genkit.storage.names import CARD, CONFIG, RAW, SAMPLES
from genkit.storage.not_finite import without_not_finite
from genkit.storage.os_errors import describe_os_error
from genkit.storage.sole_writer import sole_writer
from genkit.storage.text_files import write_json, write_text
from genkit.storage.weights import write_tensors

OWN = "genkit-torch"  # the distribution of genkit's own parts
# Those that travel:
FACTS = ("data_shape", "step", "epoch", "data", "classes", FIT, "parts", "torch", "python", "machine")
NUMBER, POINTS, OF_EACH = 64, 1000, 8  # images of the picture, points of it, and images of each class


@dataclass(frozen=True)
class Exported:
    """An exported folder."""

    folder: Path
    weights: str  # "raw" or "ema"
    files: tuple[str, ...]  # names of its files
    remarks: tuple[str, ...]  # what the exporter should know


def export(path: Path, out: Path | None = None, weights: str | None = None, *, onnx: bool = False) -> Exported:
    """Write the model of a run or of a model folder into a new folder, which appears when it is complete.

    Args:
        path: A run, finished or not, or a model folder such as ``RUN/final``.
        out: The new folder; by default ``export-WEIGHTS`` in `path`.
        weights: "raw" or "ema"; by default the EMA weights, if there are any.
        onnx: Whether to write the networks in ONNX too. They are compared with those of torch first.

    Raises `UsageError`, and leaves nothing, if there is no such model, if it has no such weights, if `out` exists or
    cannot be written, if [model] reads a file of this machine, and if a network cannot be written in ONNX.
    """
    if onnx:
        require_packages()
    saved = find_model(path)
    if isinstance(saved, ExportedModel):
        raise UsageError(f"{path}: is exported already. Give the run, or copy the folder.")
    trained = open_trained(path, weights)
    label = "" if out is None else "--out "
    out = out if out is not None else path / f"export-{trained.weights}"
    if out.resolve() == Path.cwd():
        raise UsageError("--out .: the working folder cannot be replaced. Name a new folder.")
    _refuse_to_replace(out, label)
    recipe = without_places(saved.recipe.tables)
    shortened = shortened_keys(saved.recipe.tables, recipe)
    if of_model := [key for key in shortened if key.startswith("model.")]:
        raise UsageError(
            f"{path} [model]: {', '.join(of_model)}: a path of this machine, so others could not load the model. "
            "Give the network a path relative to the working folder."
        )
    results = results_of_weights(path, saved)
    try:
        with sole_writer(out):
            _refuse_to_replace(out, label)  # another process may have written it since
            with new_folder(out) as folder:
                files = _write(folder, saved, trained, recipe, results, shortened, onnx)
                _refuse_to_replace(out, label)  # or somebody may have filled it in the meantime
                if exists(out):
                    out.rmdir()
    except OSError as error:
        reason = describe_os_error(error, out)
        raise UsageError(f"{label}{out}: cannot be written: {reason}. Choose another place with --out.") from None
    remarks = [saved.remark] if saved.remark else []
    if shortened:
        remarks.append(f"paths of this machine are reduced to their last names: {', '.join(shortened)}")
    weights_of_numbers = {result.protocol.weights for result in results if result.value is not None}
    if weights_of_numbers and trained.weights not in weights_of_numbers:
        remarks.append(
            f"no number on the card is of the {trained.weights} weights, which are exported: `genkit eval "
            f"{shlex.quote(str(out))}` computes theirs"
        )
    return Exported(out, trained.weights, tuple(files), tuple(remarks))


def _refuse_to_replace(out: Path, label: str) -> None:
    """Raise `UsageError` if there is something at `out` other than an empty folder."""
    if exists(out) and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{label}{out}: exists already and is not overwritten. Choose another folder with --out.")


def _write(
    folder: Path,
    saved: SavedModel,
    trained: Trained,
    recipe: Mapping[str, Any],
    results: Sequence[Result],
    shortened: list[str],
    onnx: bool,
) -> list[str]:
    """Write the files of the folder, the config last; return their names. Raises `OSError` and `UsageError`."""
    facts = without_places({key: saved.facts[key] for key in FACTS if saved.facts.get(key) is not None})
    written = [RAW, CARD]
    write_tensors(folder / RAW, trained.model.state_dict())
    networks = write_networks(trained.model, folder) if onnx else {}
    if note := _draw(trained, folder / SAMPLES):
        written.append(SAMPLES)
    described = CardFacts(
        recipe=recipe,
        facts=facts,
        model=trained.model,
        weights=trained.weights,
        results=results,
        plugins=plugins_of(facts),
        note=note,
        networks=networks,
        shortened=shortened,
        unfinished=bool(saved.remark),
    )
    write_text(folder / CARD, model_card(described))
    config = {
        "format": FORMAT,
        "version": 1,
        "library_name": "genkit",
        "genkit": __version__,
        "weights": trained.weights,
        "plugins": {supplier.distribution: supplier.version for supplier in plugins_of(facts)},
        "recipe": recipe,
        "facts": facts,
        "results": [without_places(result.as_dict()) for result in results],
        "shortened_paths": shortened,
        "onnx": networks,
        "files": files_of(folder, [*written, *networks]),
    }
    strict, numbers = without_not_finite(json.loads(json.dumps(config, default=str)))
    kept = {"not_finite": numbers, "version": VERSION} if numbers else {}
    write_json(folder / CONFIG, sealed({**strict, **kept}))
    return sorted([*config["files"], CONFIG])


def results_of_weights(path: Path, saved: SavedModel) -> list[Result]:
    """Return the results of the run at the step of the weights, those of other weights too; none without a run.

    A fitted prior is not the one that the run was evaluated with, so such a model has none either.
    """
    if FIT in saved.facts:
        return []
    run = next((RunFolder(each) for each in (path, path.resolve().parent) if exists(RunFolder(each).resolved)), None)
    if run is None:
        return []
    newest = newest_evaluation(run)
    records = [*evaluations_of(run), *([newest] if newest is not None else [])]
    found = [record.results for record in records if record.step == saved.facts.get("step")]
    return [_finite(result) for result in found[-1]] if found else []


def _finite(result: Result) -> Result:
    """Return a result without a number that JSON does not have."""
    numbers = [each for each in (result.value, *(result.interval or ())) if each is not None]
    if all(map(math.isfinite, numbers)):
        return result
    return replace(result, value=None, interval=None, reason="not finite")


def plugins_of(facts: Mapping[str, Any]) -> list[Supplier]:
    """Return the suppliers of the parts within [model] that are plugins: what loading needs, each once."""
    suppliers = suppliers_in(facts.get("parts") or ())
    needed = {
        supplier.distribution: supplier
        for table, supplier in suppliers.items()
        if table.split(".")[0] == "model" and supplier.distribution != OWN
    }
    return list(needed.values())


def _draw(trained: Trained, path: Path) -> str:
    """Draw samples of the model; return what the picture shows, or an empty text if samples cannot be drawn."""
    import torch

    model: Model = trained.model
    classes = first_classes(model)
    labels = None if classes is None else torch.tensor(classes).repeat_interleave(OF_EACH)
    unlabelled = NUMBER if len(model.data_shape) == 3 else POINTS
    number = unlabelled if labels is None else len(labels)
    note = f"{number:,} draws of the prior, decoded; seed 0."
    samples = draw_samples(trained, number, 0, labels)
    groups = () if classes is None else names_of(classes, model)
    note += " Beside each row, its class." if groups and samples.ndim == 4 else ""
    title = without_places(trained.title)
    return note if save_samples(path, samples, title, note, COLUMNS, groups) else ""
