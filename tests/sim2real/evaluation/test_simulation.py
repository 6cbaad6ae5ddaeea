# pyright: reportCallIssue=false
"""Episodes on unseen worlds: as many as asked for, each with its own seed, each counted once."""

from typing import Any

import numpy as np
import pytest

from envs import BatchEnv, LaneFollow, registry
from sim2real.evaluation.simulation import TEST_SEED, Episodes, evaluate_in_simulation, paired_difference, run_episodes
from sim2real.statistics.rates import Rate, RateDifference

KEYS = ("privileged",)


def steer_back(observation: dict[str, np.ndarray]) -> np.ndarray:
    """A mediocre driver: some episodes end early, some do not, and some succeed."""
    offset, heading = observation["privileged"][:, 0], observation["privileged"][:, 1]
    return np.stack([np.clip(offset + heading, -1, 1), np.full(len(offset), 0.3)], 1)


def drive(lane: LaneFollow, n: int, first_seed: int = TEST_SEED) -> Episodes:
    env = BatchEnv(LaneFollow(lane.config), n, randomization="default", observations=KEYS)
    episodes = run_episodes(env, steer_back, first_seed)
    env.close()
    return episodes


def assert_equal(episodes: Episodes, other: Episodes, where: slice = slice(None)) -> None:
    for name in ("seeds", "success", "failed", "steps", "returns"):
        np.testing.assert_array_equal(getattr(episodes, name), getattr(other, name)[where], err_msg=name)


@pytest.mark.slow
def test_an_episode_is_given_by_its_seed_alone(lane: LaneFollow):
    """So that two policies meet the same worlds, however many are asked for."""
    eight = drive(lane, 8)
    np.testing.assert_array_equal(eight.seeds, TEST_SEED + np.arange(8))
    assert_equal(drive(lane, 8), eight)
    assert_equal(drive(lane, 3, TEST_SEED + 4), eight, slice(4, 7))
    assert len(np.unique(eight.returns)) == 8


def test_only_the_first_episode_of_a_world_counts(lane: LaneFollow):
    episodes = drive(lane, 8)
    env = BatchEnv(LaneFollow(lane.config), 8, randomization="default", observations=KEYS)
    observation, _ = env.reset(seed=TEST_SEED)
    steps, returns, ended = np.zeros(8, int), np.zeros(8), np.full(8, "going", object)
    for _ in range(600):
        observation, reward, terminated, truncated, _ = env.step(steer_back(observation))
        going = ended == "going"
        steps, returns = steps + going, returns + going * reward
        ended[going & terminated], ended[going & truncated] = "failed", "time"
    env.close()
    assert set(ended) == {"failed", "time"}  # both were met
    np.testing.assert_array_equal(episodes.failed, ended == "failed")
    np.testing.assert_array_equal(episodes.steps, steps)
    np.testing.assert_allclose(episodes.returns, returns)
    assert (episodes.steps[~episodes.failed] == 600).all()
    assert episodes.success.any() and not episodes.success[episodes.failed].any()


def test_progress_ends_at_the_end(short_lane: str):
    said: list[tuple[int, int]] = []
    still = lambda observation: np.zeros((2, 2))  # noqa: E731
    episodes = evaluate_in_simulation(still, short_lane, 2, observations=KEYS, progress=lambda *now: said.append(now))
    assert len(episodes.seeds) == 2 and said[-1] == (max(episodes.steps), 40)
    assert said == [(step, 40) for step in range(1, len(said) + 1)]


def test_it_is_driven_on_the_test_split(short_lane: str, monkeypatch: pytest.MonkeyPatch):
    splits, factory = [], registry._FACTORIES[short_lane]
    monkeypatch.setitem(registry._FACTORIES, short_lane, lambda split: splits.append(split) or factory(split))
    evaluate_in_simulation(steer_back, short_lane, 1, observations=KEYS)
    assert splits == ["test"]


def test_a_summary_has_rates_with_intervals_and_means():
    numbers = np.array([3, 4, 5, 8])
    episodes = Episodes(7 + np.arange(4), numbers > 4, numbers == 3, 10 * numbers, numbers / 2)
    assert episodes.summary() == {
        "success": Rate.of(2, 4).to_dict(),
        "without_failure": Rate.of(3, 4).to_dict(),
        "mean_return": 2.5,
        "mean_steps": 50.0,
        "first_seed": 7,
    }


def test_aborted_episodes_say_nothing_about_the_policy():
    numbers, aborted = np.arange(5), np.array([False, True, False, False, True])
    success = np.array([True, False, True, False, False])
    returns = np.where(aborted, np.nan, numbers)
    loops = tuple({"label": "x", "loop_rate_hz": 30.0 - k} for k in range(5))
    episodes = Episodes(7 + numbers, success, np.zeros(5, bool), numbers, returns, aborted, loops)
    assert episodes.labels == ["success", "aborted", "success", "failure", "aborted"]
    summary = episodes.summary()
    assert summary["success"] == Rate.of(2, 3).to_dict() and summary["aborted"] == Rate.of(2, 5).to_dict()
    assert summary["success_if_aborted_failed"] == Rate.of(2, 5).to_dict() and summary["mean_return"] == pytest.approx(
        5 / 3
    )
    rows = episodes.rows()
    assert [row["seed"] for row in rows] == [7, 8, 9, 10, 11] and rows[1]["return"] is None
    assert rows[3] == {"seed": 10, "label": "x", "steps": 3, "return": 3.0, "loop_rate_hz": 27.0}


def test_where_every_episode_was_aborted_there_is_no_rate():
    nothing = np.zeros(2, bool)
    summary = Episodes(np.arange(2), nothing, nothing, np.ones(2), np.full(2, np.nan), ~nothing).summary()
    assert summary["success"] is None and summary["mean_return"] is None and summary["aborted"]["value"] == 1


def test_pairs_are_episodes_that_both_completed():
    def of(success: list[int], aborted: list[int], first: int = 3) -> Episodes:
        n = len(success)
        flags = (np.array(success, bool), np.zeros(n, bool), np.ones(n), np.zeros(n), np.array(aborted, bool))
        return Episodes(first + np.arange(n), *flags)

    # The second comparison was interrupted before the last pair was complete.
    ours, other = of([1, 0, 0, 1, 1], [0, 0, 1, 0, 0]), of([1, 1, 1, 0], [0, 0, 0, 1])
    assert paired_difference(ours, other) == RateDifference.of(np.array([True, False]), np.array([True, True]))
    assert paired_difference(of([1], [1]), of([1], [0])) is None
    with pytest.raises(ValueError, match="only policies with the same episodes can be compared"):
        paired_difference(ours, of([1, 1], [0, 0], 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episodes": 0}, "episodes must be at least 1, not 0"),
        ({"task": "LaneFolow"}, "no task 'LaneFolow'; did you mean LaneFollow"),
        ({"randomization": "wild"}, "no randomization 'wild'; presets: none, default, wide"),
        ({"observations": ("images.back",)}, "does not observe 'images.back'; it has: state"),
    ],
)
def test_bad_input_is_one_line(short_lane: str, changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message) as caught:
        evaluate_in_simulation(steer_back, **{"task": short_lane, "episodes": 2, "observations": KEYS, **changes})
    assert "\n" not in str(caught.value)
