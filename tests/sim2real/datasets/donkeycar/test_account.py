"""Whatever a tub's lines say: each record gets one verdict, the counts add up, episodes hold together."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.datasets import Rules
from sim2real.datasets.donkeycar.account import cut, set_verdicts
from sim2real.datasets.donkeycar.record import Record, Verdict
from sim2real.datasets.donkeycar.report import counts
from sim2real.datasets.donkeycar.tub import Tub, read_tub
from tub_maker import line, make_tub

record = st.builds(
    Record,
    catalog=st.just("catalog_0.catalog"),
    line=st.just(0),
    index=st.integers(0, 12),
    session=st.sampled_from("ab"),
    time=st.integers(0, 60).map(lambda tick: tick / 20),
    action=st.tuples(st.sampled_from([0.0, 0.5, 2.0, float("nan")]), st.just(0.1)),
    mode=st.sampled_from(["user", "user", "local"]),
)


@settings(max_examples=300)
@given(st.lists(record, max_size=40), st.frozensets(st.integers(0, 12)), st.booleans(), st.integers(1, 4))
def test_whatever_the_lines_say_the_account_adds_up(records, deleted, include, shortest):
    rules = Rules(include, 0.5, shortest)
    set_verdicts(Tub(Path(), records, deleted, ()), rules)
    pieces = cut(records, rules)
    kept = [r for r in records if r.verdict is Verdict.KEPT]
    assert sorted(map(id, kept)) == sorted(id(r) for piece in pieces for r in piece)
    assert len({r.index for r in kept}) == len(kept)
    for piece in pieces:
        assert len(piece) >= shortest
        assert len({r.session for r in piece}) == 1
        assert all(a.index < b.index and 0 <= b.time - a.time <= 0.5 for a, b in pairwise(piece))
    for r in kept:
        assert include or r.index not in deleted
        assert r.mode == "user" and all(abs(value) <= 1 for value in r.action)
        assert r.time == max(other.time for other in records if other.index == r.index)


@settings(max_examples=50)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 29))
def test_a_later_recording_owns_the_images_that_it_wrote(old, new, lost):
    lines = [Record("c", k, k, "old", k / 20) for k in range(old)]
    lines += [Record("c", k, k, "new", 1000 + k / 20) for k in range(new) if k != lost]
    set_verdicts(Tub(Path(), lines, frozenset(), ()), Rules())
    kept = [r for r in lines if r.verdict is Verdict.KEPT]
    inside = 0 < lost < new - 1
    for r in kept:
        # A lost line at the very end or start of a recording leaves no trace.
        assert r.session == "new" or r.index >= new or (r.index == lost and not inside)


odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=3), st.just([1])
)
fields = ["_index", "_timestamp_ms", "_session_id", "cam/image_array", "user/angle", "user/mode"]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(fields), odd), max_size=8))
def test_no_line_stops_the_reader(tmp_path_factory, changes):
    lines = [line(k) for k in range(10)] + [line(k, **{field: value}) for k, (field, value) in enumerate(changes)]
    tub = read_tub(make_tub(tmp_path_factory.mktemp("odd") / "tub", lines, images=[]))
    set_verdicts(tub, Rules())
    assert len(tub.records) == len(lines) == sum(counts(tub.records).values())
    assert sum(len(piece) for piece in cut(tub.records, Rules())) == counts(tub.records)["kept"]
