"""Which lines ran, per test: sys.monitoring from Python 3.12 on, below that coverage.py, else sys.settrace.

sys.monitoring costs next to nothing and no other tool can take it away. coverage.py needs its C tracer to be quick:
the user's own coverage.py has the one that fits, ours only where the Pythons are the same. Measured on a loop of a
million turns: monitoring 1x, C tracer 3x, sys.settrace 20x, coverage.py without its C tracer 20x to 90x.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import json
import os
import re
import sys
import threading
from types import CodeType, FrameType
from typing import Any

# Each is about a run that measured nothing or little, which is normal here.
SILENCED = [
    "no-data-collected",
    "module-not-imported",
    "module-not-measured",
    "module-not-python",
    "already-imported",
    "couldnt-parse",
    "trace-changed",
]
TOOL = 4
"""Of the six tool numbers of sys.monitoring, one that is nobody's."""


class CoverageLines:
    """coverage.py with one dynamic context per test; "" is what runs outside of tests."""

    def __init__(self, root: str, folder: str, package: str) -> None:
        coverage = _import_coverage(package)
        self._coverage = coverage.Coverage(
            data_file=os.path.join(folder, "coverage"),
            data_suffix=True,
            config_file=False,
            include=[re.sub(r"[][*]", "?", root) + "/*"],  # `root` is a path and no pattern
        )
        self._coverage.set_option("run:disable_warnings", SILENCED)
        self._coverage.start()
        atexit.register(self._finish)

    def switch(self, context: str) -> None:
        self._coverage.switch_context(context)

    def save(self) -> None:
        self._coverage.save()

    def _finish(self) -> None:
        self._coverage.stop()
        self._coverage.save()


class TracedLines:
    """The same without coverage.py."""

    def __init__(self, root: str, folder: str) -> None:
        self._root = os.path.join(root, "")
        self._path = os.path.join(folder, "traced")
        self._context = ""
        self._lines: set[tuple[str, int]] = set()
        self._paths: dict[CodeType, str] = {}
        self._monitoring: Any = getattr(sys, "monitoring", None)
        if self._monitoring:
            line = self._monitoring.events.LINE
            self._monitoring.use_tool_id(TOOL, "sleepwright")
            self._monitoring.register_callback(TOOL, line, self._on_line)
            self._monitoring.set_events(TOOL, line)
        else:
            threading.settrace(self._on_call)
            sys.settrace(self._on_call)
        atexit.register(self.save)

    def switch(self, context: str) -> None:
        self.save()
        self._context = context
        if self._monitoring:
            self._monitoring.restart_events()

    def save(self) -> None:
        lines, self._lines = self._lines, set()
        files: dict[str, list[int]] = {}
        for path, line in lines:
            files.setdefault(path, []).append(line)
        if files:
            append_json(f"{self._path}.{os.getpid()}", {"context": self._context, "files": files})

    def _path_of(self, code: CodeType) -> str:
        """The file of a piece of code; "" outside of the worktree."""
        path = self._paths.get(code)
        if path is None:
            path = os.path.realpath(code.co_filename)
            path = self._paths[code] = path if path.startswith(self._root) else ""
        return path

    def _on_line(self, code: CodeType, line: int) -> object:
        path = self._path_of(code)
        if path:
            self._lines.add((path, line))
        return self._monitoring.DISABLE  # once per test and line is enough

    def _on_call(self, frame: FrameType, event: str, arg: object) -> Any:
        path = self._path_of(frame.f_code)

        def on_line(frame: FrameType, event: str, arg: object) -> Any:
            if event == "line":
                self._lines.add((path, frame.f_lineno))
            return on_line

        return on_line if path else None


def measure(root: str, folder: str, package: str) -> CoverageLines | TracedLines:
    """Start measuring the files under `root` into `folder`; `package` is where our own coverage.py lies."""
    if sys.version_info < (3, 12):
        try:
            return CoverageLines(root, folder, package)
        except (ImportError, SyntaxError):
            pass
    return TracedLines(root, folder)


def append_json(path: str, record: dict[str, Any]) -> None:
    """One write per record, so that several processes can share the file and a kill leaves whole lines."""
    with open(path, "ab", buffering=0) as file:
        file.write((json.dumps(record) + "\n").encode())


def _import_coverage(package: str) -> Any:
    """The user's own coverage.py, else ours."""
    before = set(sys.modules)
    try:
        spec = importlib.util.find_spec("coverage")
        if spec is None or spec.origin is None:  # a folder of reports may look like a package
            spec = importlib.util.spec_from_file_location("coverage", os.path.join(package, "__init__.py"))
            assert spec is not None and spec.loader is not None
            sys.modules["coverage"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules["coverage"])
        importlib.import_module("coverage.tracer")
        coverage: Any = importlib.import_module("coverage")
        if not hasattr(coverage.Coverage, "switch_context"):
            raise ImportError("coverage.py before 5.0 has no contexts")
        return coverage
    except BaseException:
        for name in set(sys.modules) - before:
            if name.split(".")[0] == "coverage":
                del sys.modules[name]
        raise
