"""Grades one prediction: the patch at the base commit, the hidden tests over it, and what they say.

What a prediction does to test files is undone first: an edited or deleted one is as it was, an added one is gone.
Files are those of SWE-bench's harness: patch.diff, eval.sh, run_instance.log, test_output.txt, report.json.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.checks import is_test_file
from agent.git_command import GitRun, run_git
from agent.sandbox import Sandbox
from evals.errors import RunFolderError
from evals.repositories import ENVIRONMENT, export
from evals.run_folder import write_whole
from evals.swe.environment import Environment, Kind, open_environment
from evals.swe.instances import Instance
from evals.swe.mirrors import Mirrors
from evals.swe.verdict import APPLIED, END, EXIT_CODE, NOT_APPLIED, START, Transitions, judge, read_log
from memory.errors import UserError
from memory.records import Record

Outcome = Literal["resolved", "unresolved", "empty", "error"]
Fault = Literal["", "infrastructure", "ambiguous"]
"""What the patch is not to blame for, or may not be: as SWE-bench counts them beside the outcome."""

_APPLY = (("git", "apply"), ("git", "apply", "--3way"), ("git", "apply", "--reject"))
_MOST_OUTPUT = 64 << 20  # bytes
_FUZZY = "patch --batch --forward --fuzz=5 -p1"


class Grade(Record):
    """How one prediction did."""

    instance_id: str
    outcome: Outcome
    problem: str = ""
    """Of an error, and of tests that gave no result."""
    fault: Fault = ""
    tests: Transitions | None = None
    asked: str = ""
    """A hash of the row, the patch and the kind of environment."""
    reverted: tuple[str, ...] = ()
    """Test files that the prediction had touched."""
    test_seconds: float = 0.0
    """The test command's own."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Grading:
    """With what predictions are graded."""

    mirrors: Mirrors
    environments: Path
    kind: Kind
    timeout: float
    """Seconds for an instance's tests."""
    sandbox: Literal["auto", "bwrap", "none"] = "auto"


def grade(instance: Instance, patch: str, logs: Path, grading: Grading, sandbox: Sandbox) -> Grade:
    """Grade the patch and write the files of the harness into `logs`. Raises only where these cannot be written.

    What is there for the same patch and row is taken as it is.
    """
    began = time.monotonic()
    id = instance.instance_id
    if not patch.strip():
        return Grade(instance_id=id, outcome="empty")
    asked = _asked(instance, patch, grading.kind)
    if known := _known(asked, logs):
        return known
    shutil.rmtree(logs, ignore_errors=True)
    try:
        write_whole(logs / "patch.diff", patch)
        mirror = grading.mirrors.find(instance.repo)
        environment = open_environment(instance, mirror, grading.kind, grading.environments)
        with tempfile.TemporaryDirectory(prefix="sleepwright-swe-", ignore_cleanup_errors=True) as scratch:
            place = Path(scratch).resolve() / instance.repo.rpartition("/")[2]
            export(mirror, instance.base_commit, place)
            done = _Trial(instance, place, logs, environment, sandbox, grading.timeout).run(patch)
    except (UserError, OSError, ValueError) as error:  # of a row's text that cannot be written, too
        done = Grade(instance_id=id, outcome="error", problem=str(error), fault="infrastructure")
    done = done.model_copy(update={"seconds": time.monotonic() - began, "asked": asked})
    if done.outcome != "error":
        write_whole(logs / "report.json", json.dumps({id: _report(done)}, indent=4))
        write_whole(logs / "grade.json", done.model_dump_json())
    _log(logs, f"{done.outcome}{': ' if done.problem else ''}{done.problem}")
    return done


@dataclass(frozen=True)
class _Trial:
    """One prediction in a work tree of its own."""

    instance: Instance
    place: Path
    logs: Path
    environment: Environment
    sandbox: Sandbox
    timeout: float

    def run(self, patch: str) -> Grade:
        id = self.instance.instance_id
        if not self._apply_model_patch():
            _log(self.logs, NOT_APPLIED)
            return Grade(instance_id=id, outcome="error", problem="the patch does not apply")
        _log(self.logs, APPLIED)
        reverted = self._revert_tests()
        if wrong := self._apply_test_patch():
            problem = f"the test patch does not apply: {wrong}"
            return Grade(instance_id=id, outcome="error", problem=problem, fault="infrastructure", reverted=reverted)
        seconds, timed_out = self._run_tests()
        if timed_out:
            problem = f"the tests ran for more than {self.timeout:g} s"
            return Grade(
                instance_id=id, outcome="error", problem=problem, fault="ambiguous", reverted=reverted,
                test_seconds=seconds,
            )  # fmt: skip
        text = (self.logs / "test_output.txt").read_text(encoding="utf-8", errors="replace")
        found = read_log(text)
        if found is None:
            problem = "the tests gave no result: test_output.txt says why"
            return Grade(instance_id=id, outcome="unresolved", problem=problem, reverted=reverted, test_seconds=seconds)
        tests = judge(
            found,
            self.instance.fail_to_pass,
            self.instance.pass_to_pass,
            fail_only=self.instance.eval_type == "fail_only",
        )
        return Grade(
            instance_id=id,
            outcome="resolved" if tests.is_resolved else "unresolved",
            tests=tests,
            reverted=reverted,
            test_seconds=seconds,
        )

    def _apply_model_patch(self) -> bool:
        """In the order of the harness, each time from a clean tree."""
        file = str((self.logs / "patch.diff").resolve())
        for way in _APPLY:
            if not self._git(*way[1:], file).status:
                return True
            self._clean()
        if shutil.which("patch"):
            if self._patch(file):
                return True
            self._clean()
        return False

    def _patch(self, file: str) -> bool:
        """By the program that takes what git refuses, and any path that a patch names: so in the sandbox, and while
        .git is elsewhere, whose settings name programs that git runs. A patch that makes one does not apply."""
        git, aside = self.place / ".git", self.place.parent / "git"
        git.rename(aside)
        command = f"{_FUZZY} < {shlex.quote(file)}"
        done = self.sandbox.run(command, self.place, timeout=60, readable=[self.logs.resolve()])
        made = [path for path in self.place.rglob("*") if path.name.lower() == ".git"]
        for path in made:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        aside.rename(git)
        return done.passed and not made

    def _apply_test_patch(self) -> str:
        """What is wrong with it; "" where nothing is, or there is none: the tests are in the repository already."""
        if not self.instance.test_patch.strip():
            return ""
        done = self._git("apply", "--index", "-", stdin=self.instance.test_patch.encode())
        return (done.errors.strip().splitlines() or ["git gave no reason"])[0] if done.status else ""

    def _clean(self) -> None:
        self._git("reset", "--hard", "--quiet")
        self._git("clean", "-ffdxq")

    def _revert_tests(self) -> tuple[str, ...]:
        """Test files are those of the base commit again."""
        self._git("add", "--all", "--force")
        listed = self._git("diff", "--cached", "--no-renames", "--name-status", "-z", "HEAD").output
        fields = listed.decode("utf-8", "surrogateescape").split("\0")
        named = {path for path in _paths(self.instance.test_patch)}
        touched = [
            (status, path)
            for status, path in zip(fields[::2], fields[1::2], strict=False)
            if is_test_file(path) or path in named
        ]
        for status, path in touched:
            if status == "A":
                self._git("rm", "--force", "--quiet", "--", path)
            else:
                self._git("checkout", "--quiet", "HEAD", "--", path)
        return tuple(sorted(path for _, path in touched))

    def _run_tests(self) -> tuple[float, bool]:
        """Into test_output.txt, between the marks; the seconds, and whether the time was up."""
        command = command_of(self.instance, self.environment)
        write_whole(self.logs / "eval.sh", f"#!/bin/bash\n{command}\n")
        output = self.place.parent / "output"
        output.mkdir()
        log = output / "test_output.txt"
        marked = (
            f"exec > {shlex.quote(str(log))} 2>&1; echo '{START}'; ( {command}\n); code=$?; "
            f"echo; echo '{END}'; echo '{EXIT_CODE}:' $code"
        )
        done = self.sandbox.run(
            marked, self.place, timeout=self.timeout, env=dict(self.environment.variables), writable=[output],
            readable=[self.environment.python.parent.parent],
        )  # fmt: skip
        if log.is_symlink() or not log.is_file():  # what was run may have put anything in its place
            log = self.place.parent / "test_output.txt"
            log.write_text(done.output, encoding="utf-8")
        if done.timed_out:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"\n\nTimeout error: {self.timeout:g} seconds exceeded.")
        if log.stat().st_size > _MOST_OUTPUT:  # its end is cut off, and with it the mark that makes it a result
            os.truncate(log, _MOST_OUTPUT)
        shutil.copyfile(log, self.logs / "test_output.txt")
        return done.seconds, done.timed_out

    def _git(self, *arguments: str, stdin: bytes = b"") -> GitRun:
        return run_git(self.place, "-c", "core.hooksPath=/dev/null", *arguments, env=ENVIRONMENT, stdin=stdin)


def command_of(instance: Instance, environment: Environment) -> str:
    """What runs the instance's tests: the row's own command, or pytest, on the files that the tests are in."""
    named = [*instance.fail_to_pass, *instance.pass_to_pass]
    files = dict.fromkeys(test.partition("::")[0] for test in named if "::" in test)
    command = instance.test_command or "python -m pytest"
    command = re.sub(r"^python3?(?= )", shlex.quote(str(environment.python)), command)
    if "pytest" in command and "-rA" not in command:
        command += " -rA"
    return " ".join([command, *map(shlex.quote, files)])


def _log(logs: Path, line: str) -> None:
    file = logs / "run_instance.log"
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(line + "\n")
    except OSError as error:
        raise RunFolderError(f"{str(file)!r} cannot be written: {error.strerror}.") from error


def _paths(patch: str) -> list[str]:
    """The files that a patch names on its new side."""
    return re.findall(r"^\+\+\+ b/(.+?)\t?$", patch, re.MULTILINE)


def _asked(instance: Instance, patch: str, kind: Kind) -> str:
    text = json.dumps([instance.row, patch, kind], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _known(asked: str, logs: Path) -> Grade | None:
    """What an earlier grading of the same found."""
    try:
        known = Grade.model_validate_json((logs / "grade.json").read_bytes())
    except (OSError, ValueError):
        return None
    return known if known.asked == asked else None


def _report(done: Grade) -> dict[str, Any]:
    """In the fields of SWE-bench's report.json."""
    report: dict[str, Any] = {
        "patch_is_None": False,
        "patch_exists": True,
        "patch_successfully_applied": done.tests is not None,
        "resolved": done.outcome == "resolved",
        "infra_failure": False,
    }
    if done.tests:
        report["tests_status"] = done.tests.model_dump(mode="json")
    return report
