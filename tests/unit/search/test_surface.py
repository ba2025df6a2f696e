"""The surface against what is known in closed form, and on laws that it has to find."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.searching.prices import labels_of, plan_of
from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import CostItem
from raydoa.costs.items.labels import Labels
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.search import priors
from raydoa.search.surrogate.chance import Chance
from raydoa.search.surrogate.inputs import REFERENCE_LABELS, Array, Inputs
from raydoa.search.surrogate.kernel import residual
from raydoa.search.surrogate.laws import COEFFICIENTS, DIMENSIONS, SHAPES, Prior, Shapes, bases
from raydoa.search.surrogate.posterior import Effort, Posterior, _resampled
from raydoa.search.surrogate.surface import _DOUBT, Measured, Surface
from raydoa.search.surrogate.training_kinds import LOSS, SHARE, Kinds, drawn
from tests.unit.search.tasks import (
    OWNED,
    QUESTION,
    by_quantities,
    law,
    measured,
    plan,
    some_plans,
    space,
)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> CostItem:
    """A cost item of a plugin, registered for one test."""
    item = Rules()
    monkeypatch.setattr(ITEMS, "_entries", {**ITEMS._entries, item.name: item})
    return item


class Rules(Labels):
    """Rules that somebody writes."""

    name = "rules"
    unit = "rule"
    priced_by = "rules"
    brings = None
    in_laws = False


def fresh(question: Question) -> Question:
    """The same question, of which nothing is encoded yet."""
    return replace(question)


SMALL = Effort(draws=200, kept=24, moves=15)


def test_bases_are_one_at_their_reference() -> None:
    reference = plan(int(REFERENCE_LABELS), "middle", 1000)
    inputs = replace(Inputs.of([reference], QUESTION), size=np.ones(1), gold=np.zeros(1))
    shapes = Prior().shapes(np.zeros((2, DIMENSIONS)), np.array([False, True]))
    found = bases(inputs, shapes)
    assert found.shape == (2, 1, len(COEFFICIENTS))
    np.testing.assert_allclose(found[:, 0, :3], 1.0)  # An onset there is half way up.
    np.testing.assert_allclose(found[:, 0, 3:], 0.0)


@given(st.integers(50, 400), st.integers(100, 5000), st.sampled_from(["small", "middle", "large"]))
@settings(max_examples=30)
def test_bases_fall_with_labels_pool_and_size(labels: int, u: int, teacher: str) -> None:
    shapes = Prior().shapes(np.zeros((2, DIMENSIONS)), np.array([False, True]))

    def total(labels: int, teacher: str, u: int) -> float:
        inputs = Inputs.of([plan(labels, teacher, u)], QUESTION)
        return float(bases(inputs, shapes).sum(axis=2).max())

    here = total(labels, teacher, u)
    assert total(labels + 50, teacher, u) < here
    assert total(labels, teacher, 2 * u) < here
    if teacher != "large":
        assert total(labels, "large", u) < here


def test_it_is_the_textbook_posterior() -> None:
    """One draw: mean and variance against the formulas with the whole covariance matrix."""
    points = some_plans(12, seed=1)
    told = measured(points, seed=1)
    surface = Surface(told, QUESTION, Effort(1, 1, 0), seed=3)
    new = some_plans(5, seed=2)
    everything = Inputs.of([*points, *new], QUESTION)
    drawn = surface._all
    kernel = drawn.kernel(everything, everything)[0]
    problem = drawn.fit.problem
    scaled = problem.basis[0] * problem.sd[0]
    known = scaled @ scaled.T + problem.own[0]
    cross = kernel[:12, 12:]
    mean, _ = drawn.process.prior.coefficients(drawn.shapes)
    start = bases(everything, drawn.shapes)[0] @ mean[0]
    np.testing.assert_allclose(problem.errors[0], [1 - m.score for m in told], atol=1e-3)
    off = problem.errors[0] - start[:12]
    want = 1 - (start[12:] + cross.T @ np.linalg.solve(known, off))
    spread = kernel[12:, 12:] - cross.T @ np.linalg.solve(known, cross)
    found, sd = surface.mean_and_sd(new)
    np.testing.assert_allclose(found, want, atol=1e-6)
    np.testing.assert_allclose(sd, _DOUBT * np.sqrt(np.diag(spread)), atol=1e-6)
    np.testing.assert_allclose(surface.joint(new, []).within, _DOUBT**2 * spread, atol=1e-6)


def test_a_law_is_found_and_carries_beyond_what_was_measured() -> None:
    random = np.random.default_rng(4)
    cheap = [p for p in space().probes(20.0) if p.quantity("pseudo_labels") <= 1600]
    cheap.sort(key=by_quantities)
    points = [cheap[i] for i in random.choice(len(cheap), 30, replace=False)]
    surface = Surface(measured(points, seed=5), QUESTION)
    far = [
        p
        for p in space().plans()
        if p.choices and not p.quantity("labels") and p.quantity("pseudo_labels") >= 3000
    ]
    mean, sd = surface.mean_and_sd(far)
    truth = np.array([law(point) for point in far])
    assert np.mean(np.abs(mean - truth) < 2.5 * sd) > 0.9
    assert np.abs(mean - truth).max() < 0.08


def test_more_measurements_leave_less_doubt() -> None:
    plans = space().plans()
    few = Surface(measured(some_plans(4, seed=6), seed=7), QUESTION, effort=SMALL)
    many = Surface(measured(some_plans(30, seed=6), seed=7), QUESTION, effort=SMALL)
    assert many.mean_and_sd(plans)[1].mean() < 0.5 * few.mean_and_sd(plans)[1].mean()


def test_going_on_from_a_fit_comes_to_what_a_fit_from_nothing_does() -> None:
    """Measurement by measurement with a quarter of the moves, and all at once; beside it, the luck of the draws."""
    told, plans = measured(some_plans(12, seed=16), seed=17), space().plans()
    few = Effort(draws=1000, kept=200, moves=15)
    gone_on = None
    for count in range(1, len(told) + 1):
        gone_on = Surface(told[:count], QUESTION, effort=few, seed=count, before=gone_on)
    assert gone_on is not None
    enough = Effort(draws=4000, kept=200, moves=100)
    at_once, again = (Surface(told, QUESTION, effort=enough, seed=seed) for seed in (1, 2))
    mean, sd = at_once.mean_and_sd(plans)
    luck = np.abs(again.mean_and_sd(plans)[0] - mean).mean()
    assert np.abs(gone_on.mean_and_sd(plans)[0] - mean).mean() < 3 * luck + 0.1 * sd.mean()
    np.testing.assert_allclose(gone_on.mean_and_sd(plans)[1].mean(), sd.mean(), rtol=0.2)


@dataclass(frozen=True)
class Seen:
    """Normal observations of one shape."""

    values: tuple[float, ...]

    @property
    def count(self) -> int:
        return len(self.values)

    def log_likelihood(self, shapes: Shapes, kinds: Kinds) -> Array:
        median, spread = SHAPES["scale"]
        at = np.log(shapes.scale / median) / spread
        return np.asarray(-0.5 * sum(((at - one) ** 2 / 0.5 for one in self.values), 0 * at))

    def kinds(self, shapes: Shapes, kinds: Kinds) -> Array:
        only_usual = np.where(np.arange(len(SHARE)) == 0, 0.0, -np.inf)
        return np.broadcast_to(only_usual, (len(kinds), self.count, len(SHARE)))


def test_draws_go_on_to_what_the_likelihood_says() -> None:
    """Two observations, told one after the other: the product of both is known."""
    random = np.random.default_rng(1)
    posterior = Posterior(Prior(), Effort(draws=20_000, kept=4000, moves=0))
    one = posterior.draws(random, Seen((1.0,)))
    both = posterior.draws(random, Seen((1.0, -0.5)), one)
    for found, mean, variance in ((one, 2 / 3, 1 / 3), (both, 0.2, 0.2)):
        np.testing.assert_allclose(found.normal[:, 0].mean(), mean, atol=0.04)
        np.testing.assert_allclose(found.normal[:, 0].var(), variance, atol=0.03)
        assert not found.kinds.any()


def test_moves_alone_change_nothing() -> None:
    """Without a likelihood draws stay as far apart as the prior has them."""
    posterior = Posterior(Prior(), Effort(draws=40, kept=40, moves=300))
    found = [posterior.draws(np.random.default_rng(seed), Seen(())) for seed in range(6)]
    assert 0.88 < np.mean([population.normal.var() for population in found]) < 1.12


def test_kinds_are_as_likely_as_the_densities_of_all_errors_say() -> None:
    """Of one measurement among others, by the evidence with each kind in its place."""
    surface = Surface(measured(some_plans(8, seed=1), seed=1), QUESTION, effort=SMALL)
    process, shapes = surface._all.process, surface._all.shapes
    kinds = surface._population.kinds
    likelihood = process.kinds(shapes, kinds)
    found = []
    for kind in range(len(SHARE)):
        other = kinds.copy()
        other[:, 3] = kind
        fit = process.given(shapes, other).fit
        found.append(np.log(SHARE[kind]) + fit.log_evidence)
    relative = np.stack(found, axis=1) - np.array(found)[0][:, None]
    want = likelihood[:, 3] - likelihood[:, 3, :1]
    possible = np.isfinite(want)
    assert possible.mean() > 0.7
    np.testing.assert_allclose(relative[possible], want[possible], atol=1e-6)


def test_kinds_are_drawn_as_often_as_they_are_likely() -> None:
    likelihood = np.broadcast_to(np.log([0.5, 0.2, 0.3]) + 4, (100_000, 1, 3))
    found = np.bincount(drawn(np.random.default_rng(0), likelihood)[:, 0]) / 100_000
    np.testing.assert_allclose(found, [0.5, 0.2, 0.3], atol=0.01)


def test_draws_come_as_often_as_they_weigh() -> None:
    random = np.random.default_rng(0)
    shares = np.array([0.5, 0.0, 0.3, 0.2])
    with np.errstate(divide="ignore"):
        counts = np.bincount(_resampled(random, 7 + np.log(shares), 100), minlength=4)
    np.testing.assert_allclose(counts, 100 * shares, atol=1)
    assert counts[1] == 0


def test_an_outlier_does_not_carry_the_day() -> None:
    points = some_plans(25, seed=8)
    told = measured(points, seed=9)
    wrong = [Measured(m.plan, m.score - 0.25 * (i == 3), m.teacher) for i, m in enumerate(told)]
    with_it = Surface(wrong, QUESTION)
    truth = np.array([law(point) for point in space().plans()])
    assert np.median(np.abs(with_it.mean_and_sd(space().plans())[0] - truth)) < 0.03


def test_a_training_that_went_wrong_is_told_from_luck() -> None:
    """One plan that lacks ten points of what all others say; a score that is too high has not gone wrong."""
    points = some_plans(25, seed=8)
    for off, wrong in ((-0.1, True), (0.1, False)):
        told = measured(points, seed=9)
        told[3] = replace(told[3], score=told[3].score + off)
        kinds = Surface(told, QUESTION, effort=SMALL, seed=1)._population.kinds
        lost = LOSS[kinds].mean(axis=0)
        assert (lost[3] > 0.05) == wrong
        assert np.delete(lost, 3).max() < 0.02


def test_near_chance_a_measurement_tells_little() -> None:
    def truth(plan: Plan) -> float:
        return max(0.5, law(plan))

    points = some_plans(16, seed=3)
    effort = Effort(draws=400, kept=60, moves=30)
    surface = Surface(measured(points, 3, truth=truth), QUESTION, effort=effort, seed=1)
    best, worst = max(points, key=truth), min(points, key=law)
    assert truth(worst) == 0.5 and truth(best) > 0.6
    near, far = surface.noise_of([worst, best])
    assert far == pytest.approx(surface.noise_variance, rel=0.1)
    assert near > 4 * far


def test_contradictions_widen_the_doubt() -> None:
    points = some_plans(12, seed=10)
    told = measured(points, seed=11)
    against = [Measured(m.plan, m.score - 0.2, None) for m in told[:6]]
    calm, torn = (
        Surface(told, QUESTION, effort=SMALL),
        Surface([*told, *against], QUESTION, effort=SMALL),
    )
    assert torn.mean_and_sd(points)[1].mean() > 1.5 * calm.mean_and_sd(points)[1].mean()


def test_samples_have_the_mean_and_spread_that_is_told() -> None:
    points = some_plans(6, seed=12)
    surface = Surface(measured(some_plans(8, seed=13), seed=13), QUESTION, effort=SMALL)
    drawn = surface.samples(points, 4000, seed=1)
    mean, sd = surface.mean_and_sd(points)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * sd.max() / np.sqrt(4000))
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.1)


def test_nothing_measured_is_the_prior() -> None:
    mean, sd = Surface([], QUESTION).mean_and_sd(space().plans())
    assert np.isfinite(mean).all() and (sd > 0.1).all()


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
@settings(max_examples=100)
def test_chance_goes_there_and_back(scores: list[float]) -> None:
    errors = 1 - np.array(scores)
    chance = Chance.below(errors)
    latent = chance.latent(errors)
    stretch, hidden = chance.doubt(errors)
    assert np.isfinite(latent).all() and (stretch >= 1).all() and (hidden >= 0).all()
    back = chance.seen(latent)
    # What was added for the unseen is what the worst scores may be off by; the others come back.
    assert (back >= errors - 1e-9).all()
    away = errors < errors.max() - 0.3
    np.testing.assert_allclose(back[away], errors[away], atol=1e-3)


def test_at_chance_it_is_left_open_how_bad_it_would_be() -> None:
    """Errors of teachers that learnt nothing do not make the law flat."""
    chance = 0.5

    def truth(plan: Plan) -> float:
        return max(chance, law(plan)) if labels_of(plan) >= 100 else chance

    points = sorted((p for p in space().probes(20.0) if p.choices), key=by_quantities)[::3]
    surface = Surface(measured(points, seed=15, truth=truth), QUESTION)
    bad = [p for p in points if truth(p) == chance]
    assert len(bad) >= 2
    np.testing.assert_allclose(surface.mean_and_sd(bad)[0], chance, atol=0.15)


def test_good_scores_that_are_alike_are_not_chance() -> None:
    """Six cells between 0.89 and 0.93: what was not measured stays open, and what was is believed."""
    plans = [plan(labels) for labels in (200, 210, 220, 240, 260, 280)]
    scores = [0.895, 0.9, 0.905, 0.91, 0.92, 0.925]
    surface = Surface([Measured(p, s) for p, s in zip(plans, scores, strict=True)], QUESTION)
    few, taught = plan(25), plan(25, "small", 100)
    assert (surface.mean_and_sd([few, taught])[1] > 0.03).all()
    np.testing.assert_allclose(surface.mean_and_sd(plans)[0], scores, atol=0.012)


def test_the_first_bought_label_is_like_the_last_owned_one() -> None:
    """Without a teacher nothing changes there; with one, `mixed` begins."""
    shapes = Prior().shapes(np.zeros((1, DIMENSIONS)), np.array([False]))

    def alike(teacher: str | None, u: int) -> float:
        owned, bought = (plan(labels, teacher, u) for labels in (200, 201))
        kernel = residual(Inputs.of([owned], QUESTION), Inputs.of([bought], QUESTION), shapes)
        own = residual(Inputs.of([owned], QUESTION), Inputs.of([owned], QUESTION), shapes)
        return float(kernel[0, 0, 0] / own[0, 0, 0])

    assert alike(None, 0) > 0.99
    assert alike("small", 1000) < 0.99


@pytest.mark.parametrize("owned", [10_000, 100_000])
def test_a_wide_range_of_quantities_is_no_crash(owned: int) -> None:
    question = replace(QUESTION, n=owned, supply=Supply(10**6, 10**6))
    points = [
        plan_of(question, labels, teacher, u)
        for labels in (10, 100, 1000, owned)
        for teacher, u in [(None, 0), ("small", 10), ("large", 100_000)]
    ]
    told = [Measured(point, 0.5 + 0.02 * i) for i, point in enumerate(points)]
    for seed in range(5):
        mean, sd = Surface(told, question, effort=SMALL, seed=seed).mean_and_sd(points)
        assert np.isfinite(mean).all() and np.isfinite(sd).all()


def test_a_prior_of_other_tasks_narrows_the_belief() -> None:
    tasks = [(measured(some_plans(40, seed=s), seed=s), QUESTION) for s in (20, 21, 22)]
    learnt = priors.learn(tasks).prior("three tasks of a test")
    plans = space().plans()
    told = [measured(some_plans(3, seed=s), seed=s) for s in (23, 24, 25, 26)]
    truth = np.array([law(point) for point in plans])

    def miss(prior: Prior) -> float:
        means = [
            Surface(few, QUESTION, effort=SMALL, prior=prior).mean_and_sd(plans)[0] for few in told
        ]
        return float(np.sqrt(np.mean((np.array(means) - truth) ** 2)))

    assert miss(learnt) < miss(Prior())


def test_items_that_no_law_knows_make_another_kind(rules: CostItem) -> None:
    """A plugin's plans are told apart by how much they have of its item, and share no residual with those without."""
    shapes = Prior().shapes(np.zeros((1, DIMENSIONS)), np.array([False]))
    plain, few, many = (plan(OWNED).with_quantities(**{rules.name: n}) for n in (0, 10, 1000))
    inputs = Inputs.of([plain, few, few, many], fresh(QUESTION))
    kernel = residual(inputs, inputs, shapes)[0]
    assert kernel[0, 1] == kernel[0, 3] == 0
    assert kernel[1, 2] == pytest.approx(kernel[1, 1])
    assert 0 < kernel[1, 3] < 0.9 * kernel[1, 1]
    told = [Measured(plain, 0.5), Measured(few, 0.6), Measured(many, 0.7)]
    mean, sd = Surface(told, fresh(QUESTION), effort=SMALL).mean_and_sd([plain, few, many])
    assert np.isfinite(sd).all() and mean[2] > mean[1]
