"""`genkit fit-prior`: a model folder that differs from its source in the prior only, and what is refused."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.commands import IMAGES, TINY, genkit, refused
from support.messages import assert_names
from support.models import MODELS, write_model

import genkit as python
from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise, Rows
from genkit.errors import UsageError
from genkit.parts.datasets.digits import Digits
from genkit.parts.priors.full_mixture import FullMixture
from genkit.recipe.text.whole_text import check_whole
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.write_report import write_report
from genkit.runs.trained_models import fit_prior as module
from genkit.runs.trained_models.fit_mixture import RIDGE
from genkit.runs.trained_models.fitted_folder import place_of_fit
from genkit.runs.trained_models.load import load
from genkit.runs.trained_models.trained import open_trained
from genkit.sharing.export import export
from genkit.storage.sole_writer import sole_writer
from genkit.storage.weights import model_folder

GAN = (
    TINY.replace('"mlp"', '"mlp-gan"')
    .replace('"vae"', '"wgan-gp"')
    .replace("encoder", "critic")
    .replace("decoder", "generator")
)
LEARNT = TINY.replace("[loss]", '[model.prior]\nuse = "mixture"\ncomponents = 4\nlearnt = true\n\n[loss]').replace(
    "[optimiser.decoder]", '[optimiser.prior]\nuse = "adam"\nlr = 1e-3\n\n[optimiser.decoder]'
)
KEYS = ("--components", 3, "--number", 200)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder that has what a finished run has, as far as these commands read it."""
    folder = tmp_path / "run"
    write_model(folder / "final", IMAGES + "\n[metrics.posterior-kl]\nsamples = 20\n", ema=True)
    (folder / "recipe.resolved.toml").write_bytes((folder / "final" / "recipe.toml").read_bytes())
    return folder


@pytest.mark.parametrize("written", [True, False], ids=["written", "a-folder"])
def test_the_report_of_the_run_shows_each_fit(run, written):
    fit(run, *KEYS)
    assert not (run / "report.html").exists(), "a run without a report gets none"
    if not written:
        (run / "report.html").mkdir()
        result = genkit("fit-prior", run, *KEYS)
        assert result.code == 0 and "remark: " in result.err and f"`genkit report {run}`" in result.err
        return
    write_report(RunFolder(run))
    (run / "final").rename(run / "best")
    fit(run / "best", *KEYS)
    page = (run / "report.html").read_text()
    assert all(f"/run/{name}</code>" in page for name in ("fitted", "fitted-best"))


def fit(*arguments: object) -> dict:
    result = genkit("fit-prior", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_fitted_model_differs_in_its_prior_only(run):
    before = files_of(run)
    facts = fit(run, *KEYS)
    after = files_of(run)
    assert facts["folder"] == str(run / "fitted") and facts["components"] == 3
    assert {name: after[name] for name in before} == before
    assert {name.partition("/")[0] for name in after.keys() - before.keys()} == {"fitted"}

    source, fitted = (tomllib.loads((run / name / "recipe.toml").read_text()) for name in ("final", "fitted"))
    assert fitted["model"].pop("prior") == {"use": "full-mixture", "components": 3}
    assert fitted == source
    for name in ("model.safetensors", "ema.safetensors"):
        old, new = load_file(run / "final" / name), load_file(run / "fitted" / name)
        assert {name for name in new if name not in old} == {"prior.logits", "prior.means", "prior.factors"}
        assert all(torch.equal(new[name], tensor) for name, tensor in old.items())
    text = (run / "fitted" / "recipe.toml").read_text()
    check_whole(text)
    with pytest.raises(ValueError):
        check_whole(text[: len(text) // 2])
    about = json.loads((run / "fitted" / "about.json").read_text())
    assert about["step"] == 7 and about["fitted_prior"] == facts["fits"]
    assert any(line.startswith("model.prior: full-mixture (genkit-torch ") for line in about["parts"])


def test_one_gaussian_has_the_moments_of_one_draw_for_each_sample(run):
    """The mean of z ~ q(z|x) is that of posterior means; the covariance has the variances on top."""
    facts = fit(run, "--components", 1)
    x = Digits().batch(torch.arange(5000), Noise(0, 0, "x", Rows.all(5000))).x
    for weights in ("raw", "ema"):
        assert facts["fits"][weights]["codes"] == 5000 and facts["fits"][weights]["held_out_codes"] == 1000
        with torch.no_grad():
            q, prior = load(run, weights).encoder(x), load(run / "fitted", weights).prior
        covariance = q.mu.T.cov(correction=0) + torch.diag(q.logvar.exp().mean(dim=0))
        covariance += RIDGE * torch.diag(covariance.diagonal())
        scale = covariance.diagonal().sqrt()
        assert ((prior.means[0] - q.mu.mean(dim=0)).abs() / scale).max() < 4 / 5000**0.5
        found = prior.factors[0] @ prior.factors[0].T
        assert ((found - covariance).abs() / (scale * scale[:, None])).max() < 4 * (2 / 5000) ** 0.5
        # Of codes with these moments, the mean log-density under N(0, I) has a closed form; no Gaussian is likelier.
        squares = found.trace() + prior.means[0].square().sum()
        before = facts["fits"][weights]["earlier"]
        assert before["description"] == "N(0, I)"
        expected = -0.5 * (len(found) * math.log(2 * math.pi) + squares.item())
        assert before["log_likelihood"] == pytest.approx(expected, rel=1e-4)
        assert before["log_likelihood"] < facts["fits"][weights]["log_likelihood"]
        assert before["held_out_log_likelihood"] == pytest.approx(expected, rel=0.2)


def test_commands_and_python_use_the_fitted_prior(run, tmp_path):
    fit(run, *KEYS)
    fitted = run / "fitted"
    for weights in ("raw", "ema"):
        model = python.load(fitted, weights)
        assert isinstance(model.module.prior, FullMixture)
        state = load_file(fitted / ("model.safetensors" if weights == "raw" else "ema.safetensors"))
        assert torch.equal(model.module.prior.means, state["prior.means"])
    other = python.load(run, "ema")
    assert "fitted" in model.trained.title and "fitted" not in other.trained.title
    assert torch.equal(model.encode(torch.zeros(2, 1, 28, 28)), other.encode(torch.zeros(2, 1, 28, 28)))
    assert not torch.equal(model.sample(4), other.sample(4))

    result = genkit("eval", fitted, "--metrics", "posterior-kl", "--set", "metrics.posterior-kl.samples=20", "--json")
    [number] = json.loads(result.out)["results"]
    assert "3 Gaussians" in json.dumps(number["protocol"])
    [before] = json.loads(genkit("eval", run, "--metrics", "posterior-kl", "--json").out)["results"]
    assert number["value"] != before["value"] and "Gaussians" not in json.dumps(before["protocol"])

    assert_names(refused("interpolate", fitted, "--path", "spherical"), "--path spherical", "3 Gaussians")
    assert genkit("sample", fitted, "--number", 4).code == 0


def test_an_export_has_the_fitted_prior_and_no_results_of_the_other(run, tmp_path):
    result = {"label": "psnr", "value": 12.5, "better": "higher", "reason": "", "protocol": {"samples": 20}}
    (run / "results.json").write_text(json.dumps([result]))
    fit(run, *KEYS)
    folder = export(run / "fitted", tmp_path / "exported").folder
    config = json.loads((folder / "config.json").read_text())
    assert config["results"] == [] and config["facts"]["fitted_prior"]["ema"]["codes"] == 200
    assert torch.equal(load(folder, "ema").prior.means, load(run / "fitted", "ema").prior.means)
    assert_names(refused("fit-prior", folder), str(folder), "exported")


@pytest.mark.parametrize("name", ["points", "learnt", "conditional"])
def test_any_autoencoder_gets_a_prior(tmp_path, name):
    """Data without end give 10,000 draws; the fitted prior takes the place of any other, and of its optimiser."""
    write_model(
        tmp_path / "model",
        {**MODELS, "learnt": LEARNT}[name],
        overrides=["train.precision=fp64"] if name == "points" else [],
    )
    number = () if name == "points" else ("--number", 200)
    facts = fit(tmp_path / "model", "--components", 2, *number)
    assert facts["fits"]["raw"]["codes"] == (10_000 if name == "points" else 200) and list(facts["fits"]) == ["raw"]
    model = load(tmp_path / "model" / "fitted")
    assert isinstance(model.prior, FullMixture)
    assert model.prior.means.dtype == (torch.float64 if name == "points" else torch.float32)
    assert model.condition_classes == (10 if name == "conditional" else None)
    fitted = tmp_path / "model" / "fitted"
    assert genkit("sample", fitted).code == 0
    of_codes = ("--metrics", "posterior-kl", "--set", "metrics.posterior-kl.samples=20")
    assert genkit("eval", fitted, *of_codes).code == 0
    parts = json.loads((fitted / "about.json").read_text())["parts"]
    assert [line.partition(" (")[0] for line in parts if ".prior" in line] == ["model.prior: full-mixture"]


def test_an_earlier_fit_is_replaced_but_no_other_file_is(run, tmp_path):
    fit(run, *KEYS)
    assert genkit("sample", run / "fitted", "--number", 4).code == 0
    own = run / "fitted" / "notes" / "own.txt"
    own.parent.mkdir()
    own.write_text("own")
    (run / "fitted" / "link").symlink_to("notes")
    model = {"about.json", "recipe.toml", "model.safetensors", "ema.safetensors"}
    before = {name: content for name, content in files_of(run / "fitted").items() if name not in model}
    assert any(name.startswith("samples-") for name in before)
    again = genkit("fit-prior", run, "--components", 2, "--number", 100)
    assert again.code == 0 and load(run / "fitted").prior.components == 2
    assert_names(again.err, str(run / "fitted"), "link", "notes")
    after = files_of(run / "fitted")
    assert {name: content for name, content in after.items() if name not in model} == before
    assert (run / "fitted" / "link").readlink() == Path("notes")
    for place in (run / "final", tmp_path):
        before = files_of(place)
        assert_names(refused("fit-prior", run, *KEYS, "--out", place), f"--out {place}")
        assert files_of(place) == before
    assert fit(run, *KEYS, "--out", run / "new" / "other")["folder"] == str(run / "new" / "other")
    assert not list(run.rglob(".*"))


def test_what_has_no_codes_is_refused(run, tmp_path):
    write_model(tmp_path / "gan", GAN)
    assert_names(refused("fit-prior", tmp_path / "gan"), str(tmp_path / "gan"), "encoder")
    write_model(tmp_path / "per-class", MODELS["per-class"])
    assert_names(
        refused("fit-prior", tmp_path / "per-class"), str(tmp_path / "per-class"), "[model.prior]", "per-class"
    )
    assert not (tmp_path / "per-class" / "fitted").exists()
    few = refused("fit-prior", run, "--components", 10, "--number", 10)
    assert_names(few, str(run), "10 codes", "--components", "--number")
    assert_names(refused("fit-prior", run, "--set", "train.steps=3"), "--set train.steps=3", "data")
    assert_names(refused("fit-prior", run, "--set", "data.classes=[1]"), str(run), "[data]")
    assert_names(refused("fit-prior", tmp_path / "none"), str(tmp_path / "none"))
    assert genkit("fit-prior", run, "--components", 0).code == 2
    assert not (run / "fitted").exists() and not list(run.rglob(".*"))


@pytest.mark.parametrize("overflows", ["float32", "float64"])
def test_codes_that_overflow_are_refused(run, monkeypatch, overflows):
    """A variance may overflow where its logarithm does not, and a square where the code does not."""

    def far(model, samples):
        for chunk in samples:
            shape = len(chunk.names), model.latent_dim
            mu = torch.full(shape, 0.0 if overflows == "float32" else 1e200, dtype=getattr(torch, overflows))
            yield chunk, DiagNormal(mu, torch.full_like(mu, 200.0))

    monkeypatch.setattr(module, "encoded", far)
    assert_names(refused("fit-prior", run, *KEYS), str(run), "train split", "raw weights")
    assert not (run / "fitted").exists()


def test_a_run_in_python_fits_a_prior(run):
    opened = python.open_run(run)
    folder = opened.fit_prior(components=2, number=100)
    assert folder == run / "fitted" and python.load(folder).module.prior.components == 2
    for change, named in (("train.steps=1", "only data"), ("data.pth=x", "[data] pth")):
        with pytest.raises(UsageError) as refusal:
            opened.fit_prior(2, set=change)
        assert_names(refusal.value, named)
    for arguments in ({"components": 0}, {"components": True}, {"number": 2.5}):
        with pytest.raises(UsageError) as caught:
            opened.fit_prior(**arguments)
        assert_names(caught.value, "fit_prior()", next(iter(arguments)))
    with pytest.raises(UsageError) as caught:
        opened.fit_prior(components=5, number=4)
    assert_names(caught.value, "components", "4 codes")
    assert "--" not in str(caught.value)


def test_the_next_commands_are_those_that_fit_the_recipe(run, tmp_path):
    write_model(tmp_path / "bare" / "final", IMAGES)
    with_metrics, bare = genkit("fit-prior", run, *KEYS), genkit("fit-prior", tmp_path / "bare" / "final", *KEYS)
    assert [with_metrics.code, bare.code] == [0, 0]
    assert "genkit sample" in with_metrics.out and "genkit eval" in with_metrics.out
    assert "genkit sample" in bare.out and "genkit eval" not in bare.out


@pytest.mark.parametrize(("held_out", "remarked"), [(-1.0, False), (-3.9, False), (-4.1, True), (None, False)])
def test_a_fit_that_describes_single_codes_is_remarked(held_out, remarked):
    facts = module.FitFacts(100, "100 samples", 5, True, 0.0, 50, held_out, 50.0)
    assert ("held-out" in module._remark("raw", facts, 4)) is remarked


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run", "run/fitted"),
        ("run/final", "run/fitted"),
        ("run/final/.", "run/fitted"),
        ("run/best", "run/fitted-best"),
        ("run/fitted-best", "run/fitted-best"),
        ("elsewhere", "elsewhere/fitted"),
        ("fit", "fit"),
    ],
)
def test_a_fit_is_where_a_run_keeps_it(tmp_path, given, expected):
    """A model folder of a run has no model folder within it."""
    for name in ("run/final", "run/best", "run/fitted-best", "elsewhere", "fit"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "run" / "recipe.resolved.toml").touch()
    facts = {"fitted_prior": {}} if "fit" in given else {}
    path = tmp_path / given
    assert place_of_fit(path, model_folder(path), facts) == tmp_path / expected


def test_a_fit_of_a_model_folder_of_a_run_is_in_the_run(run, monkeypatch):
    """The fit of RUN/final is that of RUN, and so is a second fit of it, since the weights are the same."""
    assert fit(run / "final", *KEYS)["folder"] == str(run / "fitted")
    of_final, earlier = _files_of_fit(run / "fitted")
    assert earlier == ["N(0, I)"] * 2
    assert fit(run / "fitted", "--components", 2, "--number", 200)["folder"] == str(run / "fitted")
    assert load(run / "fitted").prior.components == 2
    assert fit(run / "fitted", *KEYS)["folder"] == str(run / "fitted")
    of_fit, earlier = _files_of_fit(run / "fitted")
    assert of_fit == of_final and all("2" in description for description in earlier), "it replaces two Gaussians"
    monkeypatch.chdir(run / "final")
    assert Path(fit(".", *KEYS)["folder"]).resolve() == (run / "fitted").resolve()
    assert [path.parent for path in sorted(run.rglob("about.json"))] == [run / "final", run / "fitted"]


def _files_of_fit(folder: Path) -> tuple[dict[str, object], list[str]]:
    """Return the files of a fit without what they say of the prior before, and the descriptions of that."""
    facts = json.loads((folder / "about.json").read_text())
    earlier = [of_weights.pop("earlier")["description"] for of_weights in facts["fitted_prior"].values()]
    return {**files_of(folder), "about.json": facts}, earlier


def test_a_fitted_prior_is_named_wherever_its_model_is_shown(run):
    fit(run, *KEYS)
    assert "fitted prior" in repr(python.load(run / "fitted")) and "fitted" not in repr(python.load(run))
    exported = export(run / "fitted", run / "shared").folder
    assert "fitted prior" in open_trained(exported).title


def test_a_second_fit_to_one_place_is_told_of_the_first(run):
    with sole_writer(run / "fitted"):
        err = refused("fit-prior", run, *KEYS)
    assert_names(err, f"error: {run / 'fitted'}: ", "another process", "with --out")
