"""Intervals and tests of crossed answers: against statsmodels, and by simulated studies whose truth is known."""

import numpy as np
import pytest
from scipy.stats import t

from harness.study.design import Task
from harness.study.estimates import LEAST_SHARE, gap, share
from harness.study.power import power
from harness.study.score import gaps, shares
from harness.study.simulate import World, answers, middle

STUDIES = 200
RATES = {"best": 0.75, "good": 0.6, "fair": 0.45, "poor": 0.25}


def crossed(seed=0, people=9, images=14):
    """Answers of every participant about every image, with both differing."""
    rng = np.random.Generator(np.random.PCG64(seed))
    person, image = (side.ravel() for side in np.meshgrid(np.arange(people), np.arange(images), indexing="ij"))
    odds = rng.normal(0, 1, people)[person] + rng.normal(0, 1, images)[image]
    return (rng.random(len(person)) < 1 / (1 + np.exp(-odds))).astype(float), person, image


def clustered(values, design, person, image):
    """Estimates and standard errors of statsmodels, clustered by both sides."""
    api = pytest.importorskip("statsmodels.api")
    groups = np.stack([person, image], axis=1)
    found = api.OLS(values, design).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True})
    return found.params, found.bse


def test_a_shares_spread_is_that_of_statsmodels():
    values, person, image = crossed()
    found = share(values, person, image)
    mean, error = clustered(values, np.ones((len(values), 1)), person, image)
    # statsmodels' factor has (n - 1) / (n - k) beside ours, which is 1 for a mean
    quantile = t.ppf(0.975, 8)
    odds = np.log(found.mean / (1 - found.mean))
    reach = quantile * error[0] / (found.mean * (1 - found.mean))
    assert found.mean == pytest.approx(mean[0])
    assert np.log(found.low / (1 - found.low)) == pytest.approx(odds - reach, rel=1e-6)
    assert np.log(found.high / (1 - found.high)) == pytest.approx(odds + reach, rel=1e-6)


@pytest.mark.parametrize("block", [1, 7])
def test_a_gaps_spread_is_that_of_statsmodels_and_never_far_less_than_of_independent_answers(block):
    values, person, image = crossed(1)
    first = (person + image // block) % 2 == 0  # whole blocks of images by one method: images weigh
    found = gap(values, first, person, image)
    design, count = np.stack([np.ones(len(values)), first], axis=1), len(values)
    params, errors = clustered(values, design, person, image)
    alone = pytest.importorskip("statsmodels.api").OLS(values, design).fit(cov_type="HC0").bse[1]
    both = errors[1] / np.sqrt((count - 1) / (count - 2))  # statsmodels' factor for two parameters
    half = (found.high - found.low) / 2
    expected = max(both, alone * np.sqrt(LEAST_SHARE * count / (count - 1)))
    assert found.mean == pytest.approx(params[1])
    assert half == pytest.approx(t.ppf(0.975, 8) * expected, rel=1e-6)
    assert found.p == pytest.approx(2 * t.sf(abs(found.mean) / (half / t.ppf(0.975, 8)), 8), rel=1e-6)


def test_few_people_or_images_infer_nothing_and_equal_answers_have_an_interval():
    values, person, image = crossed(people=2)
    assert share(values, person, image)[1:3] == (None, None)
    assert gap(values, image % 2 == 0, person, image).p is None
    _, person, image = crossed()
    found = share(np.ones(len(person)), person, image)
    assert found.mean == found.high == 1 and 0.95 < found.low < 1
    with pytest.raises(ValueError):
        share(np.array([]), np.array([]), np.array([]))
    with pytest.raises(ValueError):
        gap(np.ones(4), np.ones(4), np.arange(4), np.arange(4))


def test_the_middle_gives_the_rate_on_average():
    draws = np.random.Generator(np.random.PCG64(0)).normal(0, 1.2, 400_000)
    assert (1 / (1 + np.exp(-(middle(0.3, 1.2) + draws)))).mean() == pytest.approx(0.3, abs=0.002)


@pytest.fixture(scope="module")
def studies():
    rng = np.random.Generator(np.random.PCG64(7))
    return [answers(World(RATES), Task.SHARPNESS, 15, 50, rng) for _ in range(STUDIES)]


def test_simulated_studies_recover_the_known_ranking(studies):
    order = list(RATES)
    found = [study.groupby("method")["success"].mean() for study in studies]
    assert np.mean([sorted(order, key=lambda name: -means[name]) == order for means in found]) > 0.85
    whole = sum(found) / len(found)
    assert [whole[name] for name in order] == pytest.approx(list(RATES.values()), abs=0.015)


def test_intervals_cover_the_truth_at_the_stated_rate(studies):
    covered = [
        it.low <= RATES[method] <= it.high
        for study in studies
        for (_, method), it in shares(study).items()
    ]  # fmt: skip
    # 800 intervals, those of one study dependent: 95 %, give or take what chance gives
    assert len(covered) == STUDIES * len(RATES) and 0.925 <= np.mean(covered) <= 0.985


def test_equal_methods_are_told_apart_no_more_often_than_stated():
    rng = np.random.Generator(np.random.PCG64(11))
    world = World({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5})
    found = []
    for _ in range(STUDIES):
        study = answers(world, Task.SHARPNESS, 15, 50, rng)
        both = study[study["method"].isin(("a", "b"))]
        sides = (both[name].to_numpy() for name in ("success", "method", "participant", "pair"))
        success, method, person, image = sides
        found.append(gap(success, method == "a", person, image).p < 0.05)
        best, others = gaps(world.rates, study, Task.SHARPNESS)
        assert best not in others and all(it.mean <= 0 for it, _ in others.values()), "differences to the best"
    assert 0.005 <= np.mean(found) <= 0.085


def test_power_grows_with_effect_people_and_images():
    sizes = [(10, 20), (40, 60)]
    small, large = (power(effect, 0.5, 3, sizes, studies=40) for effect in (0.1, 0.3))
    assert small[0].power <= small[1].power < large[1].power and large[0].power <= large[1].power
    assert large[1].power > 0.9 and small[0].power < 0.5
    with pytest.raises(ValueError, match="between 0 and 1"):
        power(0.6, 0.5, 3, sizes)
    with pytest.raises(ValueError, match="two methods"):
        power(0.1, 0.5, 1, sizes)
