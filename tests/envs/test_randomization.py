"""What a randomization draws: from nominal, inside its range, on the objects it names, and on record."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs import make_task
from envs.batch_env import resolve_randomization
from envs.random import WorldRandom
from envs.randomization import Randomization, Randomizer, Target, Vary

EVERYONE = np.arange(3)
NOMINAL = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0], [0.5, 0.0, 8.0]])
NAMES = ("left", "right", "left_tip")


@st.composite
def varied(draw: st.DrawFn) -> Vary:
    """Any valid Vary of the three objects above."""
    distribution = draw(st.sampled_from(["uniform", "log-uniform", "normal", "choice"]))
    if distribution == "choice":
        numbers = draw(st.lists(st.floats(-5, 5), min_size=1, max_size=4))
    elif distribution == "normal":
        numbers = [draw(st.floats(-5, 5)), draw(st.floats(0, 2))]
    else:
        numbers = sorted(draw(st.tuples(*[st.floats(0.01 if distribution == "log-uniform" else -5, 5)] * 2)))
    return Vary(
        "field",
        distribution,
        tuple(numbers),
        draw(st.sampled_from(["set", "add", "scale"])),
        draw(st.sampled_from([".*", "left", "left.*", "right|left_tip"])),
        draw(st.sampled_from([(), (0,), (2, 1)])),
        draw(st.sampled_from(["value", "name", "world"])),
    )


def bound(*varied: Vary, worlds: int = 3) -> tuple[Randomizer, np.ndarray]:
    """A randomizer and the live array (worlds, 3 objects, 3 components) that it writes to."""
    values = np.tile(NOMINAL, (worlds, 1, 1))
    return Randomizer(Randomization(varied), lambda field: Target(values, NOMINAL.copy(), NAMES), worlds), values


def expected(vary: Vary, number: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    return {"set": number + 0 * nominal, "add": nominal + number, "scale": nominal * number}[vary.operation]


@given(vary=varied(), width=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_draws_stay_inside_the_range(vary, width, seed):
    drawn = vary.draw(WorldRandom(np.array([seed])), np.array([0]), 50, width)[0]
    if vary.distribution == "choice":
        assert np.isin(drawn, vary.range).all()
    elif vary.distribution == "normal":
        assert (np.abs(drawn - vary.range[0]) <= 3 * width * vary.range[1] + 1e-12).all()  # cut off at 3 sigma
    else:
        low, high = vary.range
        assert (drawn >= low - 1e-12 * abs(low)).all() and (drawn <= high + 1e-12 * abs(high)).all()


@given(vary=varied(), seed=st.integers(0, 2**32))
def test_width_zero_is_neutral(vary, seed):
    drawn = vary.draw(WorldRandom(np.array([seed])), np.array([0]), 20, 0.0)[0]
    low, high = min(vary.range), max(vary.range)
    if vary.distribution == "choice":  # alternatives have no middle to narrow to
        return
    if vary.distribution == "normal":
        neutral = vary.range[0]
    elif vary.operation == "set":
        neutral = np.sqrt(low * high) if vary.distribution == "log-uniform" else (low + high) / 2
    else:  # what changes nothing, or the end of the range that changes least
        neutral = np.clip({"add": 0.0, "scale": 1.0}[vary.operation], low, high)
    np.testing.assert_allclose(drawn, neutral, rtol=1e-9, atol=1e-12)


@given(vary=varied(), widths=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), seed=st.integers(0, 2**32))
def test_a_wider_range_contains_the_narrower(vary, widths, seed):
    draws = [vary.draw(WorldRandom(np.array([seed])), np.array([0]), 50, w)[0] for w in (0.0, *widths)]
    if vary.distribution != "choice":
        neutral, narrow, wide = draws
        assert (np.abs(narrow - neutral) <= np.abs(wide - neutral) + 1e-9).all()


def test_draws_reach_both_ends_of_the_range():
    random, world = WorldRandom(np.array([0])), np.array([0])
    for distribution, (low, high) in (("uniform", (2.0, 6.0)), ("log-uniform", (0.1, 10.0))):
        drawn = np.sort(Vary("f", distribution, (low, high)).draw(random, world, 10_000, 1.0)[0])
        assert drawn[0] < low * 1.01 and drawn[-1] > high * 0.99
        middle = np.sqrt(low * high) if distribution == "log-uniform" else (low + high) / 2
        assert drawn[5000] == pytest.approx(middle, rel=0.1)


@given(vary=varied(), seed=st.integers(0, 2**32))
def test_every_draw_starts_from_nominal(vary, seed):
    randomizer, values = bound(vary)
    random = WorldRandom(seed + EVERYONE)
    rows = [i for i, name in enumerate(NAMES) if re.fullmatch(vary.names, name)]
    columns = list(vary.components or range(3))
    for _ in range(3):
        randomizer.draw(EVERYONE, random)
        shape = {"world": (3, 1, 1), "name": (3, len(rows), 1), "value": (3, len(rows), len(columns))}[vary.each]
        number = randomizer.drawn.reshape(shape)
        chosen = np.zeros(NOMINAL.shape, bool)
        chosen[np.ix_(rows, columns)] = True
        want = expected(vary, number, NOMINAL[np.ix_(rows, columns)])
        np.testing.assert_allclose(values[:, rows][:, :, columns], want, rtol=1e-12)
        assert (values[:, ~chosen] == NOMINAL[~chosen]).all()


def test_nothing_accumulates_over_a_thousand_draws():
    varied = [Vary("f", "uniform", (1.0, 2.0), "scale"), Vary("f", "uniform", (0.0, 1.0), "add", "left", (1,))]
    randomizer, values = bound(*varied)
    random = WorldRandom(EVERYONE)
    for _ in range(1000):
        randomizer.draw(EVERYONE, random)
    assert (np.abs(values) <= 2 * np.abs(NOMINAL) + 1).all()
    fresh, again = bound(*varied)
    drawn = randomizer.drawn.copy()
    random.reseed(EVERYONE, EVERYONE + 70)
    randomizer.draw(EVERYONE, random)
    fresh.draw(EVERYONE, WorldRandom(EVERYONE + 70))
    np.testing.assert_array_equal(values, again)  # a thousand resets later to the bit what a new one draws
    assert not np.array_equal(drawn, randomizer.drawn)


def test_only_the_worlds_asked_for_change():
    randomizer, values = bound(Vary("f", "uniform", (2.0, 3.0)))
    randomizer.draw(np.array([0, 2]), WorldRandom(EVERYONE))
    np.testing.assert_array_equal(values[1], NOMINAL)
    assert np.isnan(randomizer.drawn[1]).all() and np.isfinite(randomizer.drawn[[0, 2]]).all()
    assert (values[0] != values[2]).any()


def test_entries_on_one_field_act_in_their_order():
    randomizer, values = bound(
        Vary("f", "choice", (10,), "set", "left"), Vary("f", "choice", (0.5,), "scale", "left.*")
    )
    randomizer.draw(EVERYONE, WorldRandom(EVERYONE))
    np.testing.assert_array_equal(values[0], [[5, 5, 5], [-4, 5, 6], [0.25, 0, 4]])


def test_each_says_how_many_numbers_are_drawn():
    for each, count in (("world", 1), ("name", 3), ("value", 9)):
        randomizer, values = bound(Vary("f", "uniform", (1.0, 2.0), "set", each=each))
        randomizer.draw(EVERYONE, WorldRandom(EVERYONE))
        assert len(randomizer.labels) == count and len(np.unique(values[0])) == count
        assert sorted(randomizer.episode(0).values()) == np.unique(values[0]).tolist()


def test_every_number_drawn_is_on_record_under_its_own_label():
    varied = [Vary("f", "uniform", (1, 2), "scale", "left", (i,)) for i in (0, 1)]
    randomizer, values = bound(*varied)
    randomizer.draw(EVERYONE, WorldRandom(EVERYONE))
    assert len(set(randomizer.labels)) == len(randomizer.labels) == len(randomizer.episode(0)) == 2
    np.testing.assert_allclose(values[0, 0, :2], NOMINAL[0, :2] * [*randomizer.episode(0).values()])


GOOD = {"field": "f", "distribution": "uniform", "range": [0, 1]}
BAD = [
    ({"distribution": "gauss"}, ("'gauss'", "uniform, log-uniform, normal, choice")),
    ({"operation": "multiply"}, ("'multiply'", "set, add, scale")),
    ({"each": "geom"}, ("'geom'", "value, name, world")),
    ({"range": [1, 0]}, ("low end above",)),
    ({"range": [1]}, ("two numbers",)),
    ({"range": [], "distribution": "choice"}, ("choices",)),
    ({"range": [0, 1], "distribution": "log-uniform"}, ("must be positive",)),
    ({"range": [0, float("inf")]}, ("not finite",)),
    ({"range": 3}, ("range 3",)),
    ({"range": ["a", "b"]}, ("range ['a', 'b']", "numbers")),
    ({"field": 3}, ("field 3",)),
    ({"names": 3}, ("names 3",)),
    ({"components": ["x"]}, ("components ['x']",)),
    ({"rnage": [0, 1]}, ("'rnage'", "distribution, range, operation")),
]


@pytest.mark.parametrize(("change", "parts"), BAD, ids=[str(next(iter(c.items()))) for c, _ in BAD])
def test_a_bad_entry_is_refused_in_one_line(change, parts):
    with pytest.raises(ValueError) as error:
        Randomization.from_dict({"vary": [GOOD, GOOD | change]}, "mine.toml")
    message = str(error.value)
    assert message.startswith("mine.toml, entry 2: ") and "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("missing", ["field", "distribution", "range"])
def test_a_missing_key_is_named(missing):
    with pytest.raises(ValueError, match=f"^mine.toml, entry 1: .*{missing}") as error:
        Randomization.from_dict({"vary": [{k: v for k, v in GOOD.items() if k != missing}]}, "mine.toml")
    assert "__init__" not in str(error.value)


@pytest.mark.parametrize("content", [{"vary": 3}, {"vary": GOOD}, {"vary": ["mat_rgba"]}, {"vray": [GOOD]}])
def test_what_is_no_list_of_tables_is_refused_in_one_line(content):
    with pytest.raises(ValueError, match=r"^mine.toml.*\[\[vary\]\]") as error:
        Randomization.from_dict(content, "mine.toml")
    assert "\n" not in str(error.value)


def test_a_file_survives_the_round_trip(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('[[vary]]\nfield = "geom_rgba"\nnames = "car"\ndistribution = "uniform"\nrange = [0.5, 2]\n')
    loaded = Randomization.load(file)
    assert loaded.varied == (Vary("geom_rgba", "uniform", (0.5, 2), "scale", "car"),)
    assert Randomization.from_dict(loaded.to_dict(), loaded.name) == loaded


@pytest.mark.parametrize("text", [b"[[vary]\nfield = 3", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: bytes):
    file = tmp_path / "mine.toml"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=r"mine\.toml is not valid TOML") as error:
        Randomization.load(file)
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError):
        Randomization.load(tmp_path / "other.toml")


def test_what_a_randomizer_cannot_bind_is_refused_with_what_it_could():
    for vary, part in (
        (Vary("f", "uniform", (0, 1), names="lfet"), "no name matches 'lfet'; did you mean left"),
        (
            Vary("f", "uniform", (0, 1), names="lef"),
            "no name matches 'lef'; did you mean left",
        ),  # the whole name counts
        (Vary("f", "uniform", (0, 1), names="xyz.*"), "valid: left, left_tip, right"),
        (Vary("f", "uniform", (0, 1), names="("), "not a regular expression"),
        (Vary("f", "uniform", (0, 1), components=(3,)), "0…2"),
        (Vary("f", "uniform", (0, 1), components=(-1,)), "0…2"),
    ):
        with pytest.raises(ValueError, match=re.escape(part)) as error:
            bound(vary)
        assert "\n" not in str(error.value)


def test_what_is_for_one_robot_is_refused_by_another():
    servos = Randomization.from_dict({"robot": "so101", "vary": []}, "servos.toml")
    assert Randomization.from_dict(servos.to_dict() | {"name": "again"}, "again").robot == "so101"
    assert resolve_randomization(make_task("Reach").spec, servos) is servos
    with pytest.raises(ValueError, match=r"servos.toml is for the robot so101, LaneFollow has lane-car"):
        resolve_randomization(make_task("LaneFollow").spec, servos)
