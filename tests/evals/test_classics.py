"""The programs: each bug is one line that a test shows. And their evaluation, with scripts in the command's place."""

import json
import subprocess
import sys
import tokenize
from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from evals.classics import Attempt, Classic, as_json, attempt, evaluate, load_classics, run_command, tables
from evals.programs_cli import _attempt_all
from evals.run_folder import RunConfig, RunFolder

CLASSICS = load_classics()
each_classic = pytest.mark.parametrize("classic", CLASSICS, ids=lambda classic: classic.name)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[bool]]:
    """Whether each test passed, by program and version, from one pytest for them all: each version is a package."""
    root = tmp_path_factory.mktemp("classics")
    for classic in CLASSICS:
        for version, program in (("buggy", classic.program), ("fixed", classic.fixed_program)):
            package = root / classic.name / version
            package.mkdir(parents=True)
            (package / "program.py").write_text(program)
            (package / "test_program.py").write_text(classic.tests.replace("from program", "from .program"))
            (package / "__init__.py").touch()
        (root / classic.name / "__init__.py").touch()
    options = ["-q", "-c", "/dev/null", "--rootdir", ".", "--timeout", "20", "--junitxml", "report.xml"]
    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options], cwd=root, capture_output=True)
    found: dict[tuple[str, str], list[bool]] = {}
    for case in ElementTree.parse(root / "report.xml").iter("testcase"):
        name, version, *_ = case.attrib["classname"].split(".")
        found.setdefault((name, version), []).append(case.find("failure") is None and case.find("error") is None)
    return found


def test_there_are_enough_of_them() -> None:
    assert len(CLASSICS) >= 40


@each_classic
def test_the_bug_fails_a_test_and_the_fix_passes_all(
    classic: Classic, outcomes: dict[tuple[str, str], list[bool]]
) -> None:
    buggy, fixed = outcomes[classic.name, "buggy"], outcomes[classic.name, "fixed"]

    assert not all(buggy)
    assert all(fixed)
    assert len(buggy) == len(fixed) >= 3


@each_classic
def test_the_fix_replaces_one_line_or_adds_to_it(classic: Classic) -> None:
    buggy, fixed = classic.program.splitlines(), classic.fixed_program.splitlines()
    changes = [code for code in SequenceMatcher(None, buggy, fixed).get_opcodes() if code[0] != "equal"]

    [(change, first, last, _, _)] = changes
    assert (change, first) == ("insert", classic.bug.line - 1) or (change, last - first) == ("replace", 1)


@each_classic
def test_no_comment_gives_the_bug_away(classic: Classic) -> None:
    tokens = tokenize.generate_tokens(StringIO(classic.program).readline)

    assert not [token.string for token in tokens if token.type == tokenize.COMMENT]


def script(path: Path, body: str) -> list[str]:
    path.write_text(body)
    return [sys.executable, str(path)]


RESULT = {
    "status": "passed",
    "vote": {"winner": 0, "votes": 2, "agreement": 0.5, "abstentions": 1},
    "candidates": [{"fingerprint": text} for text in ("a", "a", "b", "")],
}


def test_an_attempt_is_what_the_command_says(tmp_path: Path) -> None:
    command = script(tmp_path / "command.py", f"print({json.dumps(RESULT)!r})")

    made = attempt(CLASSICS[0], command)

    assert made.solved
    assert (made.votes, made.candidates, made.distinct, made.agreement) == (2, 4, 2, 0.5)


def test_the_command_sees_a_clean_repository_without_the_answer(tmp_path: Path) -> None:
    body = f"""
import json, os, pathlib, subprocess, sys
directory = pathlib.Path(sys.argv[sys.argv.index("--repo") + 1])
seen = {{
    "files": sorted(path.name for path in directory.iterdir()),
    "dirty": subprocess.run(["git", "status", "--porcelain"], cwd=directory, capture_output=True, text=True).stdout,
    "home": os.path.exists(os.environ["SLEEPWRIGHT_HOME"]),
}}
pathlib.Path({str(tmp_path / "seen")!r}).write_text(json.dumps(seen))
"""
    attempt(CLASSICS[0], script(tmp_path / "command.py", body))

    seen = json.loads((tmp_path / "seen").read_text())
    assert seen == {"files": [".git", "program.py", "test_program.py"], "dirty": "", "home": False}


def test_the_embedded_model_is_asked_whatever_the_environment_names() -> None:
    assert "--model embedded" in " ".join(run_command(candidates=8))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('print(\'{"status": "error", "error": "no model"}\'); raise SystemExit(3)', "no model"),
        ("import sys; sys.exit('it broke')", "exit code 1: it broke"),
        ("print('{}')", "KeyError: 'status'"),
    ],
)
def test_a_command_that_fails_is_an_error_with_its_reason(tmp_path: Path, body: str, problem: str) -> None:
    made = attempt(CLASSICS[0], script(tmp_path / "command.py", body))

    assert (made.status, made.problem, made.solved) == ("error", problem, False)


def test_a_command_that_takes_too_long_ends_with_what_it_has_started(tmp_path: Path) -> None:
    body = f"""
import pathlib, signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
signal.signal(signal.SIGTERM, lambda *_: (child.kill(), child.wait(), sys.exit(1)))
pathlib.Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
time.sleep(600)
"""
    made = attempt(CLASSICS[0], script(tmp_path / "command.py", body), timeout=5)

    assert made.status == "error" and "timed out" in (made.problem or "")
    assert not psutil.pid_exists(int((tmp_path / "child").read_text()))


def test_a_failing_program_ends_nothing_and_the_order_is_kept(tmp_path: Path) -> None:
    failing = CLASSICS[1].name
    body = f"import sys\nif {failing!r} in sys.argv[-1]: sys.exit(1)\nprint({json.dumps(RESULT)!r})"
    heard: list[Attempt] = []

    made = evaluate(CLASSICS[:3], script(tmp_path / "command.py", body), 2, heard.append)

    assert [(one.name, one.solved) for one in made] == [(one.name, one.name != failing) for one in CLASSICS[:3]]
    assert sorted(one.name for one in heard) == [one.name for one in made]


ATTEMPTS = [
    Attempt(
        name="sort", kind="slice", status="passed", votes=9, candidates=16, distinct=3, agreement=0.5625, seconds=2.0
    ),
    Attempt(name="heap", kind="negation", status="error", seconds=4.0, problem="no [model]"),
]


def test_a_row_says_result_votes_time_and_problem() -> None:
    programs, solved = tables(ATTEMPTS)

    assert programs.shown[0] == ["sort", "slice", "solved", "9/16", "3", "2.0", ""]
    assert programs.shown[1][2:] == ["error", "0/0", "0", "4.0", "no [model]"]
    assert solved.shown == [["2", "1", "50.0%", "9.5%", "90.5%", "3.0"]]


def test_json_says_the_same() -> None:
    found = as_json(ATTEMPTS)

    assert (found["solved"], found["total"]) == (1, 2)
    assert [one["solved"] for one in found["attempts"]] == [True, False]


def test_a_run_that_was_cut_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    first, second = (classic.name for classic in CLASSICS[:2])
    config = RunConfig.of("classics", label="1 candidates", options={"programs": 2, "candidates": 1})
    folder = RunFolder.begin(tmp_path / "run", config)
    with folder.samples() as samples:
        samples.append(ATTEMPTS[0].model_copy(update={"name": first}).model_dump(mode="json"))
        samples.append(ATTEMPTS[1].model_copy(update={"name": second}).model_dump(mode="json"))
    body = f"import sys\nassert {second!r} in sys.argv[-1]\nprint({json.dumps(RESULT)!r})"

    made = _attempt_all(folder, CLASSICS[:2], script(tmp_path / "command.py", body), 1)

    assert [one.solved for one in made] == [True, True]
    assert [sample["name"] for sample in folder.read_samples()] == [first, second, second]
