"""The page of a session on a robot: what counts, what is left out, and which interval says what."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim2real.evaluation.account import RobotSession, SessionEpisode, session_of
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.drift import UNKNOWN, Drift
from sim2real.evaluation.simulation import Episodes
from sim2real.reports.page import Report
from sim2real.reports.pages.robot import robot_page, write_robot_report
from sim2real.reports.session_rows import difference_rows, episode_rows, loop_rows, rate_rows, verdict_line
from sim2real.robots.hardware import Hardware
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.sequential import sequential_difference
from sim2real.statistics.suresim import suresim

LATE = {"median": 2.0, "p95": 3.0, "p99": 4.0, "largest": 9.0}
NASTY = "<script>alert('x')</script>"


def episode(place: int, outcome: bool, **changes) -> SessionEpisode:
    """Scenes in turn, in each the first policy drives before the second."""
    label = "success" if outcome else "failure"
    return replace(SessionEpisode(place, 100 + place // 2, place % 2, label, rate=29.9, latency=LATE), **changes)


def session(scenes: int = 20, **changes) -> RobotSession:
    """The first policy succeeds in every third scene, the second in all but every tenth."""
    outcomes = [(k % 3 == 0, k % 10 > 0) for k in range(scenes)]
    episodes = tuple(episode(2 * k + j, pair[j]) for k, pair in enumerate(outcomes) for j in range(2))
    made = RobotSession("Reach", "so101", ("first", "second"), ("a" * 64, "b" * 64), episodes, scenes, 30.0)
    return replace(made, **changes)


def with_episode(place: int, **changes) -> RobotSession:
    made = session()
    episodes = [replace(each, **changes) if each.place == place else each for each in made.episodes]
    return replace(made, episodes=tuple(episodes))


def text_of(made: RobotSession) -> str:
    """The page's text; its plots are made, but not drawn, which takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Report, "figure", lambda self, figure, caption: self.text(caption))
        return _text_of(made)


def _text_of(made: RobotSession) -> str:
    return re.sub(r"<[^>]*>", " ", robot_page(made).render().partition("<body>")[2])


def test_figures_are_those_of_the_statistics():
    made, (first, second) = session(), session().pairs(1)
    fixed, sequential = made.differences[1]
    assert fixed == RateDifference.of(first, second) and (fixed.won, fixed.lost) == (12, 1)
    np.testing.assert_array_equal(sequential.evidence, sequential_difference(first, second).evidence)
    assert made.wilson(0) == Rate.of(7, 20)
    names, successes, rates, wilson, _ = zip(*rate_rows(made), strict=True)
    assert names == ("first", "second") and successes == ("7 of 20", "18 of 20") and rates == ("35.0 %", "90.0 %")
    assert wilson[0] == "18.1 … 56.7 %"
    assert difference_rows(made)[0][:2] == ["second", "+55.0"] and difference_rows(made)[0][4:6] == [12, 1]
    line = verdict_line(made)
    assert line.startswith("first succeeded in 7 of 20 episodes. second succeeded in 18 of 20 episodes. second minus ")
    assert "+55.0 points [" in line and f"decided after scene {sequential.settled} at 5 %." in line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"label": "aborted", "reason": "the camera stalled"}, "the camera stalled"),
        ({"valid": False, "rate": 22.0}, "loop too slow"),
    ],
)
def test_an_episode_that_is_left_out_leaves_its_scene_out_of_the_pairs(changes: dict, reason: str):
    made = with_episode(6, **changes)  # of the first policy, which had succeeded
    assert made.wilson(0) == Rate.of(6, 19) and made.wilson(1) == Rate.of(18, 20)
    assert made.differences[1][0].count == 19
    row = episode_rows(made)[6]
    assert row[0] == "7" and row[3].endswith(", left out") and row[4] == reason
    text = text_of(made)
    assert "1 (first 1, second 0)" in text and reason in text
    lower = "If all those of first had failed, its rate would be 30.0 % [14.5, 51.9] of 20"
    assert (lower in text) == (changes.get("label") == "aborted")


def test_pairs_are_in_the_order_in_which_their_later_episode_ended():
    made = session(3)
    again = replace(made.episodes[0], place=9)  # the first scene's was driven again, at the end
    made = replace(made, episodes=(*made.episodes[1:], again))
    np.testing.assert_array_equal(made.pairs(1)[1], [True, True, False])


def test_loops_are_given_with_their_worst_episode():
    made = with_episode(0, rate=27.5, latency={**LATE, "p99": 31.0})
    assert loop_rows(made)[0] == ["first", "29.9 (27.5)", "2.0 (2.0)", "3.0 (3.0)", "4.0 (31.0)", "9.0 (9.0)"]
    older = with_episode(0, latency={"median": 2.0, "p95": 3.0, "largest": 5.0}, rate=None)
    assert episode_rows(older)[0][5:7] == ["–", "–"] and loop_rows(older)[0][4] == "4.0 (4.0)"


@pytest.mark.slow
def test_a_reviewer_finds_protocol_and_limits():
    text = text_of(session())
    for said in ("SHA-256 " + "a" * 64, "20 planned, seeds 100 to 119 driven", "40 of 40 driven", "was not told it"):
        assert said in text
    assert "not compared with a reference frame" in text and "did not know which policy drove" in text
    assert "It is not known that the camera stands" in text
    early = session(5, planned=20, blind=False)
    assert "10 of 40 driven: the session ended early" in text_of(early)
    assert "could know which policy drove" in text_of(early)
    moved = Drift(UNKNOWN, "cannot tell whether the camera moved")
    accepted = text_of(session(drift=moved, accepted_drift=True, exposure="exposure is fixed"))
    assert "cannot tell whether the camera moved; accepted by the person at the robot" in accepted
    assert "exposure is fixed" in accepted
    assert "14 commands by hand" in text_of(with_episode(2, by_hand=14))
    assert "a person took over" in text_of(with_episode(2, by_hand=14))
    simulated = text_of(session(by_person=False))
    assert "judged by" not in simulated and "person" not in simulated


def test_a_rate_that_changed_is_said():
    outcomes = [k < 40 for k in range(80)]
    made = RobotSession(
        "Reach",
        "so101",
        ("one",),
        ("c" * 64,),
        tuple(SessionEpisode(k, k, 0, "success" if good else "failure") for k, good in enumerate(outcomes)),
        80,
        30.0,
    )
    text = text_of(made)
    assert "on its outcomes contradict a constant rate" in text and "which policy drove" not in text
    assert "contradict" not in text_of(session())


@pytest.mark.slow
def test_the_combined_interval_stands_beside_wilsons_or_is_refused():
    real = np.tile([True, True, False], 14)
    made = session(suresim={0: suresim(real[:20], real[:20], real), 1: suresim(real, real, np.tile(real, 20))})
    text = " ".join(text_of(made).split())
    assert "first: no combined interval: it needs at least 30 real trials with a simulated pair, there are 20." in text
    assert "second 42 840 1.00 66.7 %:" in text and "refused" in text
    assert "Combined with simulated" not in text_of(session())


@pytest.mark.slow
def test_the_page_is_whole_and_escaped(tmp_path: Path):
    made = with_episode(0, reason=NASTY, label="aborted", file=3, path="films/3.mp4")
    path = write_robot_report(replace(made, policies=("first", NASTY)), tmp_path, NASTY, 100)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text and text.count("data:image/svg+xml") == 3
    assert '<a href="films/3.mp4">episode\N{NO-BREAK SPACE}3</a>' in text


def test_a_session_without_a_counted_episode_has_a_page():
    for made in (session(0), replace(session(1), episodes=(episode(0, True, label="aborted"),))):
        text = text_of(made)
        assert "first: no episode counts" in text and "No scene counts for both first and second" in text


def test_it_is_made_of_an_evaluation():
    loop = {"loop_rate_hz": 19.5, "latency_ms": LATE, "interventions": 2}
    loops = [[{**loop, "order": 2 * k + j, "file": 2 * k + j, "valid": k > 0} for k in range(3)] for j in (1, 0)]
    seeds, flags = 50 + np.arange(3), np.array([True, False, True])
    each = [
        Episodes(seeds, flags ^ bool(j), flags & False, np.full(3, 9), np.full(3, np.nan), flags & False, tuple(row))
        for j, row in enumerate(loops)
    ]
    config = EvaluateConfig(Path("a/x"), Path("b/x"), on="robot", episodes=4, hardware=Hardware("so101"))
    folders = (Path("a/x"), Path("b/x"))
    made = session_of(
        config,
        "Reach",
        folders,
        each,
        ("1" * 64, "2" * 64),
        20.0,
        path="films/{file}.mp4",
        exposure="exposure is fixed",
    )
    assert made.policies == ("a/x", "b/x") and made.planned == 4 and made.blind and made.place == "so101"
    assert [(e.seed, e.policy) for e in made.episodes[:4]] == [(50, 1), (50, 0), (51, 1), (51, 0)]
    assert made.episodes[2].path == "films/2.mp4" and made.episodes[2].by_hand == 2 and made.episodes[2].rate == 19.5
    assert made.wilson(0) == Rate.of(0, 2), "a person helped"
    assert made.exposure == "exposure is fixed"
    rehearsed = replace(config, on="rehearsal", hardware=Hardware())
    plain = [replace(e, loops=()) for e in each]
    other = session_of(rehearsed, "Reach", folders, plain, ("1", "2"), 20.0, by_person=False)
    assert [(e.seed, e.policy) for e in other.episodes[:2]] == [(50, 0), (50, 1)] and not other.by_person
