"""Which part of a long command is under way, and the estimate of the time left."""

from launch.parts import Parts


def run(durations, expected):
    """Carry out parts that take these times [s]; the lines that were printed."""
    now, lines = [0.0], []
    parts = Parts(expected, lines.append, lambda: now[0])
    for name, seconds in durations.items():
        with parts.part(name):
            now[0] += seconds
    return [line.strip() for line in lines], parts


def test_every_part_says_its_number_and_the_time_left_by_this_machine_s_own_speed():
    lines, parts = run({"a": 200, "b": 600}, {"a": 100, "b": 300, "c": 600})
    assert lines == ["part 1 of 3: a (about 17 min left in total)", "part 2 of 3: b (about 30 min left in total)"]
    assert parts.left() == "about 20 min"


def test_parts_that_an_earlier_start_finished_say_nothing_about_the_speed():
    _, parts = run({"a": 0.1}, {"a": 100, "b": 80})
    assert parts.left() == "about 80 s"
