"""A pytest plugin that says now and then how many tests are done and how long the others will take."""

import time
from collections.abc import Callable, Mapping

import pytest

KEY = "sim2real/seconds"  # in pytest's cache: what each test took when it was run last
EVERY = 20.0  # seconds between two lines


class Countdown:
    """Estimates what is left from what tests took before, scaled by how fast this run is.

    Args:
        names: of the tests, in the order in which they run.
        remembered: seconds that tests took in an earlier run; the others count as much as these do on average.
    """

    def __init__(self, names: list[str], remembered: Mapping[str, float], clock: Callable[[], float]) -> None:
        usual = sum(remembered.values()) / len(remembered) if remembered else 1.0
        self._expected = {name: remembered.get(name, usual) for name in names}
        self._left = sum(self._expected.values())
        self._clock, self._start, self._said = clock, clock(), clock()
        self._total, self._done, self._passed = len(names), 0, 0.0

    def finish(self, name: str) -> str | None:
        """Count a test as done; a line to print when the last one is long ago and there is more to do."""
        expected = self._expected.pop(name, 0.0)
        self._done, self._passed, self._left = self._done + 1, self._passed + expected, self._left - expected
        now = self._clock()
        if now - self._said < EVERY or not self._expected:
            return None
        self._said = now
        seconds = self._left * (now - self._start) / max(self._passed, 1e-9)
        left = f"{seconds / 60:.0f} min" if seconds > 90 else f"{max(seconds, 1):.0f} s"
        return f"{self._done} of {self._total} tests, {100 * self._done // self._total} %, about {left} left"


class Plugin:
    """Prints the countdown, and remembers in pytest's cache what each test took."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock, self._seconds = config, clock, dict[str, float]()
        self._countdown: Countdown | None = None

    @property
    def _remembered(self) -> dict[str, float]:
        cache = getattr(self._config, "cache", None)  # absent with -p no:cacheprovider
        content = cache.get(KEY, {}) if cache else {}
        return content if isinstance(content, dict) else {}

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        names = [item.nodeid for item in session.items]
        self._countdown = Countdown(names, self._remembered, self._clock)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        line = self._countdown.finish(nodeid) if self._countdown else None
        if line and reporter and self._config.get_verbosity() > -2:
            reporter.ensure_newline()
            writer = self._config.get_terminal_writer()
            if writer.width_of_current_line:  # dots of `pytest -q`, which belong to no file
                writer.line()
            reporter.write_line(line)

    def pytest_sessionfinish(self) -> None:
        cache = getattr(self._config, "cache", None)
        if cache and self._seconds:
            cache.set(KEY, self._remembered | {name: round(took, 2) for name, took in self._seconds.items()})


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin(config), "countdown of tests")
