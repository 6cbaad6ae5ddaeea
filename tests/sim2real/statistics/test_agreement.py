# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""Agreement with what people did: against NumPy, SciPy and the slow way; and its intervals against the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim2real.statistics.agreement import METRICS, Agreement, Estimate, fitted_gain

seeds = st.integers(0, 10_000)


def drives(seed: int, episodes: int = 12, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actual, predicted and episode of some frames; episodes of unequal length, in no order, with odd names."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 30, episodes)
    episode = rng.permutation(np.repeat(rng.permutation(1000)[:episodes], lengths))
    actual = rng.normal(0, 0.3, len(episode))
    predicted = 1.5 * actual + 0.05 + rng.normal(0, noise, len(episode))
    return actual, predicted, episode


def ends(estimate: Estimate) -> tuple[float, float]:
    """The interval, which must be there."""
    assert estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


def direct(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The metrics as their names say."""
    slope, offset = np.polyfit(predicted, actual, 1)
    return {
        "correlation": float(stats.pearsonr(predicted, actual)[0]),
        "mae": float(np.abs(predicted - actual).mean()),
        "rmse": float(np.sqrt(np.square(predicted - actual).mean())),
        "gain_free_mae": float(np.abs(slope * predicted + offset - actual).mean()),
    }


@given(seeds)
def test_metrics_are_what_numpy_and_scipy_say(seed):
    actual, predicted, episode = drives(seed)
    measured = Agreement(actual, episode, resamples=50).measure(predicted)
    assert tuple(measured) == METRICS
    for name, value in direct(actual, predicted).items():
        assert measured[name].value == pytest.approx(value, abs=1e-9)


@given(seeds)
def test_the_gain_is_that_of_linear_regression(seed):
    actual, predicted, _ = drives(seed)
    line = stats.linregress(predicted, actual)
    assert fitted_gain(predicted, actual) == pytest.approx((line.slope, line.intercept), abs=1e-9)


def test_the_gain_of_a_constant_is_nothing_but_the_mean():
    assert fitted_gain(np.full(5, 0.7), np.arange(5.0)) == (0.0, 2.0)


@given(seeds, st.floats(0.01, 20), st.floats(-2, 2))
def test_what_the_drivers_scale_cannot_change(seed, gain, offset):
    actual, predicted, episode = drives(seed)
    agreement = Agreement(actual, episode, resamples=200)
    plain, other = agreement.measure(predicted), agreement.measure(gain * predicted + offset)
    turned = agreement.measure(-gain * predicted)
    for part in ("value", "low", "high"):
        for name in ("correlation", "gain_free_mae"):
            assert getattr(other[name], part) == pytest.approx(getattr(plain[name], part), abs=1e-6)
        assert getattr(turned["gain_free_mae"], part) == pytest.approx(getattr(plain["gain_free_mae"], part), abs=1e-6)
    assert turned["correlation"].value == pytest.approx(-plain["correlation"].value, abs=1e-6)


@given(seeds)
def test_order_of_frames_and_names_of_episodes_do_not_matter(seed):
    actual, predicted, episode = drives(seed)
    measured = Agreement(actual, episode, resamples=200).measure(predicted)
    mixed = np.random.default_rng(seed).permutation(len(actual))
    other = Agreement(actual[mixed], episode[mixed] * 3 - 50, resamples=200).measure(predicted[mixed])
    for name in METRICS:
        assert [getattr(other[name], part) for part in ("value", "low", "high")] == pytest.approx(
            [getattr(measured[name], part) for part in ("value", "low", "high")], abs=1e-9
        )


@given(seeds)
def test_an_arm_does_not_differ_from_itself(seed):
    actual, predicted, episode = drives(seed)
    for arm in (predicted, np.stack([predicted, 0.5 * predicted, predicted**2])):
        for metric in METRICS:
            assert Agreement(actual, episode, resamples=100).difference(arm, arm, metric) == Estimate(0.0, 0.0, 0.0)


@given(seeds)
def test_a_difference_is_of_the_values_and_turns_with_the_arms(seed):
    actual, predicted, episode = drives(seed)
    other = 0.7 * predicted + 0.1 * np.cos(40 * predicted)
    agreement = Agreement(actual, episode, resamples=200)
    ours, theirs = agreement.measure(predicted), agreement.measure(other)
    for metric in METRICS:
        forth, back = agreement.difference(predicted, other, metric), agreement.difference(other, predicted, metric)
        assert forth.value == pytest.approx(ours[metric].value - theirs[metric].value, abs=1e-12)
        assert (forth.value, forth.low, forth.high) == pytest.approx(
            (-back.value, *(-end for end in ends(back)[::-1])), abs=1e-12
        )


def test_paired_arms_are_told_apart_where_their_own_intervals_overlap():
    rng = np.random.default_rng(0)
    episode = np.repeat(np.arange(30), 20)
    hard = rng.gamma(2, 0.1, 30)[episode]  # some episodes are hard, for either arm
    actual = rng.normal(0, 0.3, len(episode))
    worse = actual + hard * rng.choice([-1, 1], len(episode))
    better = actual + 0.9 * (worse - actual)
    agreement = Agreement(actual, episode)
    ours, theirs = agreement.measure(better)["mae"], agreement.measure(worse)["mae"]
    difference = agreement.difference(better, worse, "mae")
    assert ends(ours)[1] > ends(theirs)[0] and ends(difference)[1] < 0
    assert np.diff(ends(difference)) < 0.3 * np.diff(ends(theirs))


def test_the_interval_is_that_of_resampled_episodes():
    """Against SciPy's bootstrap over episodes, for metrics that are sums over frames or correlation."""
    actual, predicted, episode = drives(3, episodes=25)
    groups = [np.flatnonzero(episode == name) for name in np.unique(episode)]
    measured = Agreement(actual, episode, resamples=6000).measure(predicted)

    def mae(chosen):
        rows = np.concatenate([groups[k] for k in chosen])
        return np.abs(predicted[rows] - actual[rows]).mean()

    def correlation(chosen):
        rows = np.concatenate([groups[k] for k in chosen])
        return np.corrcoef(predicted[rows], actual[rows])[0, 1]

    for name, statistic in (("mae", mae), ("correlation", correlation)):
        drawn = stats.bootstrap(
            (np.arange(25),), statistic, n_resamples=3000, vectorized=False, method="percentile", rng=1
        ).confidence_interval
        width = drawn.high - drawn.low
        assert measured[name].low == pytest.approx(drawn.low, abs=0.08 * width)
        assert measured[name].high == pytest.approx(drawn.high, abs=0.08 * width)


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Episodes differ from each other by more than frames do: intervals over frames would be far too narrow."""
    rng, held, count = np.random.default_rng(0), {"mae": 0, "frames": 0}, 300
    for _ in range(count):
        scale = rng.gamma(4, 0.025, 40)  # mean 0.1 over all episodes there could be
        episode = np.repeat(np.arange(40), 25)
        actual = rng.normal(0, 0.3, len(episode))
        predicted = actual + rng.laplace(0, scale[episode])  # mean absolute error is the scale
        measured = Agreement(actual, episode, resamples=300).measure(predicted)["mae"]
        held["mae"] += ends(measured)[0] <= 0.1 <= ends(measured)[1]
        wrong = Agreement(actual, np.arange(len(episode)), resamples=100).measure(predicted)["mae"]
        held["frames"] += ends(wrong)[0] <= 0.1 <= ends(wrong)[1]
    assert 0.90 <= held["mae"] / count <= 0.985
    assert held["frames"] / count < 0.7


def test_seeds_give_the_mean_and_widen_the_interval():
    actual, predicted, episode = drives(1, episodes=40)
    agreement = Agreement(actual, episode)
    arms = np.stack([predicted, actual + 0.2, 0.2 * predicted])
    each = [agreement.measure(arm) for arm in arms]
    together = agreement.measure(arms)
    for name in METRICS:
        assert together[name].value == pytest.approx(np.mean([figures[name].value for figures in each]))
    assert ends(together["mae"])[0] < min(figures["mae"].value for figures in each) + 0.02
    assert ends(together["mae"])[1] > max(figures["mae"].value for figures in each) - 0.02
    same = agreement.measure(np.stack([predicted] * 3))
    for name in METRICS:
        assert ends(same[name]) == pytest.approx(ends(each[0][name]))


def test_unknown_actions_are_left_out():
    actual, predicted, episode = drives(2)
    gaps = actual.copy()
    gaps[::3] = np.nan
    known = np.isfinite(gaps)
    with_gaps = Agreement(gaps, episode)
    without = Agreement(actual[known], episode[known])
    assert len(with_gaps) == known.sum()
    assert with_gaps.measure(predicted) == without.measure(predicted[known])
    assert with_gaps.per_episode(predicted) == without.per_episode(predicted[known])


def test_one_episode_allows_no_interval():
    actual, predicted, episode = drives(4, episodes=1)
    agreement = Agreement(actual, episode)
    measured = agreement.measure(predicted) | {"difference": agreement.difference(predicted, actual, "mae")}
    assert all(estimate.low is None and estimate.high is None for estimate in measured.values())
    assert str(measured["mae"]) == f"{measured['mae'].value:.3f}"


@pytest.mark.filterwarnings("error")
def test_a_constant_has_no_correlation_and_still_errors():
    actual, _, episode = drives(5)
    measured = Agreement(actual, episode).measure(np.full(len(actual), 0.3))
    assert np.isnan(measured["correlation"].value) and measured["correlation"].low is None
    assert measured["mae"].value == pytest.approx(np.abs(actual - 0.3).mean())
    assert measured["gain_free_mae"].value == pytest.approx(np.abs(actual - actual.mean()).mean())


def test_figures_per_episode_add_up():
    actual, predicted, episode = drives(6)
    agreement = Agreement(actual, episode)
    rows, overall = agreement.per_episode(predicted), agreement.measure(predicted)
    frames = np.array([row["frames"] for row in rows])
    assert frames.sum() == len(actual) and sorted(row["episode"] for row in rows) == np.unique(episode).tolist()
    for name in ("mae", "gain_free_mae"):  # the gain is that of all episodes together
        assert frames @ [row[name] for row in rows] / len(actual) == pytest.approx(overall[name].value)
    for row in rows:
        where = episode == row["episode"]
        assert row["mae"] == pytest.approx(np.abs(predicted - actual)[where].mean())
        assert row["correlation"] == pytest.approx(np.corrcoef(predicted[where], actual[where])[0, 1])


def test_the_same_seed_gives_the_same_interval():
    actual, predicted, episode = drives(7)
    first, same, other = (Agreement(actual, episode, seed=seed).measure(predicted) for seed in (0, 0, 1))
    assert first == same != other
    assert first["mae"].to_dict() == {"value": first["mae"].value, "low": first["mae"].low, "high": first["mae"].high}
    assert str(first["mae"]) == f"{first['mae'].value:.3f} [{first['mae'].low:.3f}, {first['mae'].high:.3f}]"


def moves(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actual and predicted (n, 3) and episode of some frames; the actions have means and sizes of their own."""
    rng = np.random.default_rng(seed)
    episode = np.repeat(np.arange(8), rng.integers(5, 30, 8))
    actual = rng.normal(0, 1, (len(episode), 3)) * [0.4, 0.1, 0.02] + [0.5, -0.3, 0.0]
    predicted = actual * [0.8, 1.5, -1.0] + [0.1, 0.0, 0.2] + rng.normal(0, 0.05, actual.shape)
    return actual, predicted, episode


@given(seeds)
def test_several_actions_are_measured_together(seed):
    actual, predicted, episode = moves(seed)
    measured = Agreement(actual, episode, resamples=50).measure(predicted)
    p, y = predicted - predicted.mean(0), actual - actual.mean(0)
    lines = [np.polyfit(a, b, 1) for a, b in zip(predicted.T, actual.T, strict=True)]
    seen = np.stack([np.polyval(line, a) for line, a in zip(lines, predicted.T, strict=True)], 1)
    expected = {
        "correlation": (p * y).sum() / np.sqrt((p * p).sum() * (y * y).sum()),
        "mae": np.abs(predicted - actual).mean(),
        "rmse": np.sqrt(np.square(predicted - actual).mean()),
        "gain_free_mae": np.abs(seen - actual).mean(),
    }
    for name, value in expected.items():
        assert measured[name].value == pytest.approx(value, abs=1e-9), name
    assert np.allclose(Agreement(actual, episode).fitted(predicted), lines)


@given(seeds)
def test_one_action_among_several_is_that_action(seed):
    actual, predicted, episode = drives(seed)
    arms = np.stack([predicted, predicted**2])
    single, other = Agreement(actual, episode, resamples=100), Agreement(actual[:, None], episode, resamples=100)
    assert single.measure(arms) == other.measure(arms[..., None])
    assert single.per_episode(predicted) == other.per_episode(predicted[:, None])
    assert single.difference(arms[0], arms[1], "mae") == other.difference(arms[:1, :, None], arms[1:, :, None], "mae")


def test_the_means_of_different_joints_do_not_pass_for_agreement():
    rng = np.random.default_rng(0)
    posture = np.array([-0.8, -0.2, 0.3, 0.9])
    actual, guess = (posture + rng.normal(0, 0.05, (3000, 4)) for _ in range(2))
    correlation = Agreement(actual, np.arange(3000) // 100).measure(guess)["correlation"]
    assert np.corrcoef(actual.ravel(), guess.ravel())[0, 1] > 0.95 and abs(correlation.value) < 0.05
    low, high = ends(correlation)
    assert low < 0 < high


def test_a_joint_that_rests_does_not_weigh_as_much_as_one_that_works():
    rng = np.random.default_rng(0)
    actual = rng.normal(0, 1, (2000, 2)) * [0.3, 0.003]
    predicted = np.stack([actual[:, 0] + rng.normal(0, 0.03, 2000), rng.normal(0, 0.003, 2000)], 1)
    assert Agreement(actual, np.arange(2000) // 100).measure(predicted)["correlation"].value > 0.98


def test_who_rests_when_people_rest_is_not_flattered_by_correlation():
    """Mostly 0: the MAE of doing nothing is small, and smaller than that of moving a little late."""
    actual = np.zeros((600, 2))
    actual[100:110], actual[400:410, 1] = 0.8, -0.8
    late, agreement = np.roll(actual, 6, axis=0), Agreement(actual, np.arange(600) // 300)
    nothing, moved = agreement.measure(np.zeros_like(actual)), agreement.measure(late)
    assert nothing["mae"].value < moved["mae"].value < 0.1
    assert np.isnan(nothing["correlation"].value) and 0.2 < moved["correlation"].value < 0.6


def test_an_action_that_some_episodes_lack_counts_in_the_others():
    actual, predicted, episode = moves(3)
    actual[episode >= 4, 1] = np.nan
    agreement = Agreement(actual, episode)
    known = np.isfinite(actual)
    assert len(agreement) == len(actual) and len(agreement.episodes) == 8
    assert agreement.measure(predicted)["mae"].value == pytest.approx(np.abs(predicted - actual)[known].mean())
    assert sum(row["frames"] for row in agreement.per_episode(predicted)) == len(actual)


@given(seeds)
def test_the_gain_free_rmse_is_what_regression_leaves(seed):
    actual, predicted, episode = moves(seed)
    measured = Agreement(actual, episode, resamples=50, criterion="gain_free_rmse").measure(predicted)
    assert tuple(measured) == ("correlation", "mae", "rmse", "gain_free_rmse")
    left = [stats.linregress(p, y) for p, y in zip(predicted.T, actual.T, strict=True)]
    squares = [y.var() * (1 - line.rvalue**2) for line, y in zip(left, actual.T, strict=True)]
    assert measured["gain_free_rmse"].value == pytest.approx(np.sqrt(np.mean(squares)), abs=1e-9)
    assert measured["gain_free_rmse"].value <= measured["rmse"].value + 1e-12
