"""The pytest plugin of the probe: tells it which test runs and how it ended."""

from __future__ import annotations

import os
import traceback
from collections.abc import Generator
from typing import Any

import pytest
import sleepwright_probe

probe = sleepwright_probe.running()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> Generator[None, Any, None]:
    # pytest-cov would take the tracer away, and fail the run where the coverage is low.
    early_config.known_args_namespace.cov_source = None
    # The user's tests see the environment as it was; workers of pytest-xdist get the plugin from their options.
    options = os.environ.pop("PYTEST_ADDOPTS", "").replace(sleepwright_probe.PLUGIN, "")
    if options:
        os.environ["PYTEST_ADDOPTS"] = options
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_setup(item: Any) -> Generator[None, Any, None]:
    probe.begin(item.nodeid, _file(item))
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, Any, None]:
    """What a shared fixture does is done for all tests, not for the first that asks."""
    context = probe.switch("") if fixturedef.scope != "function" else None
    yield
    if context is not None:
        probe.switch(context)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: Any) -> Generator[None, Any, None]:
    probe.switch("")
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, None]:
    report = (yield).get_result()
    if report.failed:
        probe.record("failed", _traceback(call))
    elif report.when == "call" or report.skipped:
        probe.record(report.outcome)
    if report.when == "teardown":
        probe.end()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: Any) -> Generator[None, Any, None]:
    report = (yield).get_result()
    if report.failed:
        probe.begin(collector.nodeid, _file(collector))
        probe.record("failed", _traceback(getattr(report, "call", None)))
        probe.end()


def _file(node: Any) -> str:
    return str(getattr(node, "path", None) or node.fspath)  # `path` since pytest 7


def _traceback(call: Any) -> str:
    if call is None or call.excinfo is None:
        return ""
    return "".join(traceback.format_exception(call.excinfo.type, call.excinfo.value, call.excinfo.tb))
