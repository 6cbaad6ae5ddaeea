"""Time that passes only when somebody sleeps, or is told to."""


class Clock:
    """A machine's clock and its sleep, for a test."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
