"""The benchmarks compare what they say they compare. No time is asserted."""

import importlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit.core.model import evaluating
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.models.small_conv import SmallConv
from genkit.recipe.tables import Use

pytestmark = pytest.mark.trains

CHECKOUT = Path(__file__).parents[2]
METHODS = ("soft-introvae", "as-introvae")


@pytest.fixture
def benchmark(monkeypatch):
    """A benchmark by name, from the folder beside the tests."""
    monkeypatch.syspath_prepend(CHECKOUT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def comparison(benchmark):
    """The comparison of a method, on networks small enough for a test."""

    def small(method, gamma_r=(1e-8, 0.0)):
        pytest.importorskip(f"genkit_{method.replace('-', '_')}")
        (given,) = (each for each in benchmark("step").COMPARISONS if each.name == method)
        networks = replace(given.case.networks, model=Use("mlp", width=8, layers=1))
        case = replace(given.case, networks=networks, batch_size=12, loss={**given.case.loss, "gamma_r": gamma_r[1]})
        weights, check = given.weights._replace(gamma_r=gamma_r[0]), given.check._replace(steps=3, batch_size=12)
        return replace(given, case=case, weights=weights, check=check)

    return small


@pytest.mark.parametrize("method", METHODS)
def test_the_published_step_and_genkits_compute_the_same(benchmark, comparison, method):
    assert benchmark("step").difference(comparison(method, gamma_r=(0.3, 0.3)), "fp64") < 1e-10
    assert benchmark("step").difference(comparison(method, gamma_r=(0.3, 0.0)), "fp64") > 1e-3


@pytest.mark.parametrize("gamma_r", [0.3, 0.0])
def test_the_published_step_on_images_and_genkits_compute_the_same(benchmark, gamma_r):
    pytest.importorskip("genkit_soft_introvae")
    given = benchmark("step").named("soft-introvae-cifar10")
    shape = (3, 8, 12)
    model = Use("introvae-conv", latent_dim=3, channels=(4, 6), norm="batch")
    networks = replace(given.case.networks, data=Use("stand-in", shape=shape), model=model)
    loss = {**given.case.loss, "beta_neg": 2.0, "gamma_r": gamma_r}
    small = replace(
        given,
        case=replace(given.case, networks=networks, loss=loss),
        networks=partial(given.networks.func, data_shape=shape),
        weights=given.weights._replace(beta_neg=2.0, gamma_r=0.3),
    )
    differ = benchmark("step").difference(small, "fp64")
    assert differ < 1e-9 if gamma_r else differ > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_without_its_smallest_terms_genkit_computes_what_is_published(benchmark, comparison, method):
    given = comparison(method)
    assert (given.weights.gamma_r, given.case.loss["gamma_r"]) == (1e-8, 0.0)
    assert 0 < benchmark("step").difference(given, "fp64") < benchmark("step").LARGEST_DIFFERENCE


def test_what_does_not_compute_the_same_is_not_timed(benchmark, comparison):
    given = comparison("soft-introvae")
    other = replace(given, weights=given.weights._replace(beta_neg=given.weights.beta_neg + 1e-2))
    with pytest.raises(SystemExit, match="soft-introvae: in fp64 a total of genkit differs") as stopped:
        benchmark("step").measure(other, 2, "wall", 1)
    assert stopped.value.code  # a text, which the interpreter turns into exit code 1


@pytest.mark.parametrize("method", METHODS)
def test_a_published_step_draws_encodes_and_decodes_as_told(benchmark, comparison, method):
    published, given, calls = benchmark("as_published"), comparison(method), []

    class Told:
        def batch(self):
            calls.append("batch")
            return torch.randn(12, 2)

        def prior(self):
            calls.append("prior")
            return torch.randn(12, 2)

        def like(self, std, phase, tag):
            calls.append((phase, tag))
            return torch.randn_like(std)

    networks, forwards = benchmark("published_networks").mlp(width=8, layers=1), Counter()
    for name, child in networks.named_children():
        child.register_forward_hook(lambda *_, name=name: forwards.update([name]))
    next(published.train(given.method, networks, Told(), given.weights, 2e-4, 10))

    # Four decodes a phase, and three encodes and two; and one of each for the deterministic reconstruction.
    assert forwards == {"encoder": 3 + 2 + 1, "decoder": 4 + 4 + 1}
    encoder, decoder = (
        [(phase, tag) for tag in tags.split()]
        for phase, tags in (
            ("encoder", "posterior posterior-fake posterior-rec"),
            ("decoder", "posterior-rec posterior-fake"),
        )
    )
    assert calls == ["batch", "prior", *encoder, *decoder]


def test_the_published_points_lie_where_genkits_do(benchmark):
    x = benchmark("as_published").EightGaussians(4000)()
    assert (x.dtype, x.shape) == (torch.float32, (4000, 2))
    away = x.double()[:, None] - EightGaussians().centres
    near = away.norm(dim=2).argmin(dim=1)
    offsets = away[torch.arange(4000), near]
    assert near.bincount(minlength=8).min() > 400  # of 500 expected, give or take 21
    assert offsets.std().item() == pytest.approx(EightGaussians().std, rel=0.05)
    assert offsets.mean(dim=0).abs().max() < 0.002


def test_a_row_follows_from_its_clock(benchmark, comparison, monkeypatch):
    step, interleaved = benchmark("step"), benchmark("interleaved")
    monkeypatch.setattr(interleaved, "WARMUP", 1)
    monkeypatch.setattr(step, "PRODUCT", 16)
    clock = count(step=10**6).__next__  # every step takes 1 ms of it
    given = comparison("soft-introvae")
    sides = [interleaved.Side(make(given, 4), clock) for make in (step.steps_of_genkit, step.steps_as_published)]
    row = step.row(given, interleaved.compare(*sides, 3), step.arithmetic_rate(clock), {"fp64": 0.0})
    assert (row["published_ms"], row["genkit_ms"], row["ratio"], row["low"], row["high"]) == (1, 1, 1, 1, 1)
    assert row["share"] == pytest.approx(1e9 * row["genkit_gflop"] / (2 * 16**3))
    assert row["published_gflop"] > row["genkit_gflop"] > 0


def numbers():
    return iter(range(3))


def test_a_side_apart_steps_in_its_own_process(benchmark):
    side = benchmark("interleaved").SideApart(numbers, "wall", 1)
    assert all(side() > 0 for _ in range(3))
    assert 10**7 < side.peak() < 10**11  # bytes
    side.close()


def test_steps_alternate_and_the_order_turns_in_the_middle(benchmark):
    taken, now = [], [0]

    def side(name, ns):
        while True:
            taken.append(name)
            now[0] += ns
            yield

    sides = [benchmark("interleaved").Side(side(name, ns), lambda: now[0]) for name, ns in (("a", 20), ("b", 30))]
    times = benchmark("interleaved").alternate(*sides, 4)
    assert "".join(taken) == "abab" + "baba"
    assert times.tolist() == [[20, 30]] * 4


def test_the_interval_is_of_the_second_to_the_first(benchmark):
    rng = np.random.default_rng(0)
    first = rng.normal(2.0, 0.2, 400)
    low, high = benchmark("interleaved").interval(np.stack([first, 1.5 * rng.normal(2.0, 0.2, 400)], axis=1))
    assert 1.4 < low < 1.5 < high < 1.6
    exact = benchmark("interleaved").interval(np.stack([first, 1.5 * first], axis=1))
    assert exact == pytest.approx((1.5, 1.5))


@pytest.mark.parametrize("method", ("vae", *METHODS, "wgan-gp"))
def test_a_step_by_hand_is_that_of_the_engine(benchmark, monkeypatch, method):
    if method != "vae":
        pytest.importorskip(f"genkit_{method.replace('-', '_')}")
    engine, by_hand = benchmark("engine"), benchmark("by_hand")
    monkeypatch.setattr(by_hand, "BATCH_SIZE", 12)
    monkeypatch.setattr(engine, "CHECKED", 3)
    monkeypatch.setattr(benchmark("interleaved"), "WARMUP", 1)
    given = engine.CASES[method]
    small = replace(given.networks, model=Use(given.networks.model.name, width=8, layers=1))
    row = engine.measure(replace(given, networks=small, batch_size=12), 2, count().__next__)
    assert row["difference"] < 1e-6


def test_the_published_loader_and_the_store_show_the_same_pictures(benchmark, tmp_path, monkeypatch):
    data = benchmark("data")
    monkeypatch.setattr(benchmark("interleaved"), "WARMUP", 1)
    (tmp_path / "pictures").mkdir()
    folder = data.make_pictures(tmp_path / "pictures", 40)
    row = data.measure(folder, 16, 8, 2, "wall", tmp_path / "cache")
    assert row["difference"] == 0 and row["ratio"] > 0 and row["preparing_s"] > 0
    assert row["store_mb"] == pytest.approx(40 * 3 * 16 * 16 / 1e6)
    assert len(row["waiting"]) == 4 and all(0 < share < 1 for share in row["waiting"].values())
    for batches in (
        data.published(data.list_files(folder), 16, 8),
        data.prepared(data.ImageFolder(path=folder, resolution=16, store=tmp_path / "cache"), 8),
    ):
        x = next(batches)
        assert (x.shape, x.dtype) == ((8, 3, 16, 16), torch.float32) and 0 <= x.min() < x.max() <= 1


def test_the_benchmark_of_metrics_measures_what_it_names(benchmark, monkeypatch):
    metrics = benchmark("metrics")
    for name, small in (("SAMPLES", 60), ("WIDTH", 20), ("PICTURES", 4), ("SHAPE", (3, 16, 16))):
        monkeypatch.setattr(metrics, name, small)
    names = {"frechet-distance", "kernel-distance", "precision", "recall", "density", "coverage", "psnr", "ssim"}
    assert set(dict(metrics.measure())) == names and set(metrics.TARGETS) <= names


@pytest.mark.parametrize("name", ["kl", "error", "elbo", "log-likelihood", "features", "mahalanobis"])
def test_the_bare_networks_run_as_often_as_the_score_needs_them(benchmark, name):
    scoring, passes = benchmark("scoring"), Counter()
    assert name in scoring.SCORES
    model = SmallConv(latent_dim=2, data_shape=(1, 8, 8), channels=(4,), hidden=4)
    evaluation = scoring.evaluation_of(model, scoring.CHUNK)
    with evaluating(model):
        score = scoring.fitted_score(scoring.SCORES[name], evaluation)
    for child in ("encoder", "decoder"):
        first_layer = next(module for module in model.get_submodule(child).modules() if not [*module.children()])
        first_layer.register_forward_hook(lambda *_, child=child: passes.update([child]))
    x = torch.rand(6, 1, 8, 8)
    with torch.no_grad():
        next(scoring.forever(scoring.bare(name, model), x))
        of_bare = passes.copy()
        passes.clear()
        scoring.score_of_chunk(model, score, "the data", x)
    assert of_bare == passes and passes["encoder"] >= 1


def test_a_row_of_scoring_follows_from_its_clock(benchmark):
    scoring = benchmark("scoring")
    model = SmallConv(latent_dim=2, data_shape=(1, 8, 8), channels=(4,), hidden=4)
    row = scoring.measure("kl", model, 2, count(step=10**6).__next__)  # every chunk of 1,000 takes 1 ms
    assert (row["ratio"], row["low"], row["high"]) == (1, 1, 1)
    assert row["bare_per_s"] == row["genkit_per_s"] == pytest.approx(10**6)


@pytest.mark.parametrize("case", ["bound", "sampled-10"])
def test_the_steps_of_the_benchmark_of_priors_differ_in_the_prior_only(benchmark, case):
    pytest.importorskip("genkit_soft_introvae")
    given = benchmark("prior")
    assert case in given.DRAWS
    small = replace(given.CIFAR10, data=Use("8-gaussians"), model=Use("mlp", width=8, layers=1))
    row = given.measure(case, 2, count(step=10**6).__next__, small, batch_size=12, components=3)
    assert (row["ratio"], row["normal_ms"], row["mixture_ms"]) == (1, 1, 1)
    normal, learnt = (
        next(given.steps_with(prior, small, 12, 2)) for prior in (None, given.mixture(given.DRAWS[case], 3))
    )
    assert set(learnt) - set(normal) == {"decoder/kl_prior", "encoder/entropy"} and set(normal) < set(learnt)
    assert normal["encoder/rec"] == learnt["encoder/rec"]  # equal networks and data
    assert normal["encoder/kl_real"] != learnt["encoder/kl_real"]


def test_the_normal_prior_as_an_object_and_by_hand_are_timed_at_equal_numbers(benchmark, monkeypatch):
    given = benchmark("normal_prior")
    row = given.measure(2, count(step=10**6).__next__)
    assert (row["ratio"], row["by_hand_us"], row["object_us"]) == (1, 10, 10)
    monkeypatch.setattr(given, "by_hand", lambda model, q, noise: (noise.randn("z", 2), q.mu.sum(dim=1)))
    with pytest.raises(SystemExit, match="different"):
        given.measure(2, count(step=10**6).__next__)


def test_same_bits_measures_the_checkout_that_it_is_given_wherever_it_is_started(benchmark, tmp_path, monkeypatch):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "genkit").mkdir()
    (tmp_path / "genkit" / "__init__.py").touch()
    (tmp_path / "genkit" / "__main__.py").write_text("print('another checkout')")
    monkeypatch.chdir(CHECKOUT)
    assert benchmark("same_bits").Genkit(tmp_path)("--help").decode().strip() == "another checkout"


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of the peak")
def test_the_memory_of_scoring_does_not_grow_with_the_number_of_samples():
    command = [sys.executable, "-m", "benchmarks.scoring", "--peak-of"]
    few, many = (
        float(subprocess.check_output([*command, str(number)], cwd=CHECKOUT, text=True)) for number in (4_000, 40_000)
    )
    assert 0 < many < few + 16, (few, many)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the memory of a process")
def test_the_memory_of_an_evaluation_does_not_grow_with_the_number_of_samples():
    command = [sys.executable, "-m", "benchmarks.metrics", "--memory-of"]
    few, many = (
        float(subprocess.check_output([*command, str(number)], cwd=CHECKOUT, text=True)) for number in (4_000, 16_000)
    )
    assert 0 < many < 1.1 * few + 32, (few, many)  # four times as many samples


@pytest.mark.slow
def test_several_processes_train_the_weights_of_one(benchmark):
    processes = benchmark("processes")
    for row in processes.measure([2]):
        assert row["2 processes"] <= processes.bound_of(row), row
        assert row["2, resumed by 1"] <= processes.bound_of(row), row


@pytest.mark.parametrize(("paint", "kept"), [(0.4, "yes"), (1.2, "no"), (None, "yes")])
def test_a_page_keeps_to_its_targets_only_if_it_is_painted_within_a_second(benchmark, paint, kept):
    found = {"seconds": 2.0, "cpu": 1.0, "megabytes": 300.0, "bytes": 2e6}
    assert benchmark("report").row("second report", found, paint).endswith(kept)
    row = benchmark("report").row("comparison", {**found, "seconds": 60.0}, paint)
    assert ("first paint after" in row) == (paint is not None) and row.endswith(kept) == (paint is not None)


def test_the_first_paint_of_a_page_waits_for_what_blocks_it(benchmark, tmp_path):
    fast, slow = tmp_path / "fast.html", tmp_path / "slow.html"
    fast.write_text("<!doctype html><p>text")
    slow.write_text("<!doctype html><script>const t = Date.now(); while (Date.now() - t < 700);</script><p>text")
    paints = benchmark("first_paint").first_paints([fast, slow], loads=1)
    if paints is None:
        pytest.skip("needs the extra `browser` and Chromium or Chrome on the PATH")
    assert paints["fast.html"] > 0 and paints["slow.html"] > 0.7


def test_without_a_browser_no_paint_is_measured(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert benchmark("first_paint").first_paints([]) is None
