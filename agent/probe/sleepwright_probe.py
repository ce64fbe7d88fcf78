"""Records what each test did, as it happens: its outcome, its traceback, the lines that it ran.

Lives in the user's test process. PYTEST_DONT_REWRITE: it is imported before pytest is.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import sys
import time
import traceback
import unittest
from types import FrameType

from sleepwright_lines import append_json, measure

SAVE_EVERY = 2.0  # seconds; what a crash of the process may cost
TEST_VARIABLE = "SLEEPWRIGHT_PROBE_TEST"
PLUGIN = " -p sleepwright_pytest"
UNITTEST_KINDS = ("failures", "errors", "unexpectedSuccesses", "skipped")
LONGEST_TRACEBACK = 20_000  # characters, the end kept: the innermost frames


class Probe:
    """One per process. Contexts: "" outside of tests, a test's id during its set-up and call."""

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
            settings = json.load(file)
        self._outcomes = os.path.join(folder, "outcomes")
        self._test: dict[str, str] | None = None
        self._context = ""
        self._saved = time.monotonic()
        self._lines = measure(settings["root"], folder, settings["coverage"])
        signal.signal(signal.SIGALRM, self._on_deadline)
        signal.setitimer(signal.ITIMER_REAL, max(0.01, settings["deadline"] - time.time()))
        # An interpreter on its way out has no handlers any more, and the signal would kill it.
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)

    def begin(self, test: str, file: str) -> None:
        self._test = {"test": test, "file": file}
        os.environ[TEST_VARIABLE] = test
        append_json(self._outcomes, {**self._test, "outcome": "started", "at": time.time()})
        self.switch(test)

    def record(self, outcome: str, error: str = "") -> None:
        if self._test is not None:
            ended = {"outcome": outcome, "at": time.time(), "traceback": error[-LONGEST_TRACEBACK:]}
            append_json(self._outcomes, {**self._test, **ended})

    def end(self) -> None:
        self._test = None
        os.environ.pop(TEST_VARIABLE, None)
        self.switch("")
        if time.monotonic() - self._saved > SAVE_EVERY:
            self._lines.save()
            self._saved = time.monotonic()

    def switch(self, context: str) -> str:
        """Attribute the lines from here on to `context`; return the context until now."""
        previous, self._context = self._context, context
        self._lines.switch(context)
        return previous

    def _on_deadline(self, signum: int, frame: FrameType | None) -> None:
        # The command is about to be killed, perhaps by a signal that nobody can catch.
        self.record("hung", "".join(traceback.format_stack(frame)))
        self._lines.save()


_probes: list[Probe] = []


def running() -> Probe:
    """The probe of this process."""
    return _probes[0]


def start(folder: str) -> None:
    """Start recording into `folder`, which holds the settings."""
    probe = Probe(folder)
    _probes.append(probe)
    test = os.environ.get(TEST_VARIABLE)
    if test:
        # A child of a running test: its lines belong to that test, and the tests that it may run are not the user's.
        probe.switch(test)
        return
    options = os.environ.get("PYTEST_ADDOPTS", "")
    # Here and not in the environment of the command: where this file does not run, pytest must not look for the plugin.
    os.environ["PYTEST_ADDOPTS"] = options.replace(PLUGIN, "") + PLUGIN
    watch_unittest(probe)


def watch_unittest(probe: Probe) -> None:
    """Record every unittest.TestCase that is not run by pytest."""
    run = unittest.TestCase.run

    @functools.wraps(run)
    def recorded(self: unittest.TestCase, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        if result is None or "sleepwright_pytest" in sys.modules:
            return run(self, result)
        before = {kind: len(getattr(result, kind, ())) for kind in UNITTEST_KINDS}
        probe.begin(self.id(), getattr(sys.modules.get(type(self).__module__), "__file__", None) or "")
        answer = run(self, result)
        news = {kind: list(getattr(result, kind, ()))[count:] for kind, count in before.items()}
        if news["failures"] or news["errors"] or news["unexpectedSuccesses"]:
            probe.record("failed", "\n".join(str(error) for _, error in news["failures"] + news["errors"]))
        else:
            probe.record("skipped" if news["skipped"] else "passed")
        probe.end()
        return answer

    unittest.TestCase.run = recorded  # type: ignore[method-assign]
