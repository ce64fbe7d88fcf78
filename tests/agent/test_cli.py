"""The front door as a process: what it imports, how errors end, signals, closed pipes, `kill -9`."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RIGHT = [{"path": "calc.py", "old": "    return a - b", "new": "    return a + b"}]
PASSES = f"{sys.executable} -c 'from calc import add; assert add(2, 3) == 5'"


def sleepwright(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def scripted(repo: Path, tmp_path: Path) -> list[str]:
    """The words that begin a command with a model that knows the answer."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([RIGHT]))
    return [sys.executable, str(HERE / "scripted_cli.py"), str(script)]


def run_words(repo: Path, *more: str) -> list[str]:
    return ["run", "add is wrong", "--repo", str(repo), "--test", PASSES, "--sandbox", "none", *more]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run"], ["run", "--help"], ["nonsense"]])
def test_what_needs_no_work_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"langgraph", "pydantic", "numpy", "git", "rich", "openai", "torch", "coverage", "tokenizers", "sqlite3"}
    program = f"""
import sys, agent.cli
try:
    agent.cli.main({arguments!r})
finally:
    print(sorted(set(sys.modules) & {heavy!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("said", [None, "26"])
def test_idle_threads_of_numpy_sleep_soon_unless_the_user_says_otherwise(said: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    if said:
        environment["OPENBLAS_THREAD_TIMEOUT"] = said
    program = """
import os, sys
from agent.cli import begin_process
assert "numpy" not in sys.modules
begin_process()
print(os.environ["OPENBLAS_THREAD_TIMEOUT"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == (said or "20")


def test_help_lists_every_command_with_a_description() -> None:
    lines = sleepwright("--help").stdout.split("Commands:\n")[1].splitlines()
    commands = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert {"run", "undo", "log", "doctor", "demo"} <= set(commands) and all(commands.values())


@pytest.mark.parametrize("command", ["run", "undo", "log", "doctor", "demo", "eval"])
def test_every_command_answers_help(command: str) -> None:
    assert sleepwright(command, "--help").stdout.startswith(f"Usage: sleepwright {command}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "  \n"],
        ["run", "x", "--apply", "--commit"],
        ["run", "x", "--candidates", "0"],
        ["run", "x", "--timeout", "nan"],
        ["run", "", "--resume", "1"],
        ["run", "--resume", "", "--seed", "0"],
        ["run", "--resume", "1", "--test", "true"],
        ["run", "--resume", "1", "--candidates", "2"],
        ["run", "--resume", "1", "--strategy", "single"],
        ["run", "--resume", "1", "--seed", "0"],
        ["log", "show"],
        ["log", "--limit", "9" * 20],
        ["memory", "log", "--limit", "9" * 20],
        ["daemon", "logs", "-n", "9" * 20],
    ],
)
def test_wrong_use_is_a_usage_error(arguments: list[str], tmp_path: Path) -> None:
    done = sleepwright(*arguments)
    assert done.returncode == 2 and done.stderr.startswith("Usage:") and not done.stdout


def test_wrong_use_with_json_is_one_object() -> None:
    done = sleepwright("run", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["status"] == "error"


def test_an_error_is_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    done = sleepwright("run", "x", "--repo", str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("cut", ["json", "click", "rich"])
def test_an_interrupt_while_it_imports_is_no_traceback(cut: str, tmp_path: Path) -> None:
    (tmp_path / f"{cut}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = sleepwright("run", "x", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 130 and "Traceback" not in done.stderr


def test_an_error_with_v_has_its_traceback(tmp_path: Path) -> None:
    assert "Traceback" in sleepwright("run", "x", "-v", "--repo", str(tmp_path)).stderr


def test_an_error_with_json_is_one_object(tmp_path: Path) -> None:
    done = sleepwright("run", "x", "--json", "--repo", str(tmp_path))
    assert set(json.loads(done.stdout)) == {"status", "error"}


def test_the_task_is_read_from_stdin(scripted: list[str], repo: Path) -> None:
    words = ["run", "-", *run_words(repo, "--json")[2:]]
    done = subprocess.run([*scripted, *words], input=b"caf\xe9\n", capture_output=True)
    shown = subprocess.run([*scripted, "log", "--json", "--repo", str(repo)], capture_output=True)
    assert done.returncode == 0 and json.loads(shown.stdout)[0]["request"] == "caf\udce9"


@pytest.mark.parametrize("settings", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"TERM": "dumb"}])
def test_any_terminal_can_show_a_result(scripted: list[str], repo: Path, settings: dict[str, str]) -> None:
    (repo / "calc.py").write_text((repo / "calc.py").read_text().replace("\n\n\n", "\n    # größer als 日本\n\n", 1))
    done = subprocess.run([*scripted, *run_words(repo)], capture_output=True, env={**os.environ, **settings})
    assert done.returncode == 0 and b"+    return a + b" in done.stdout and b"Error" not in done.stderr


@pytest.mark.parametrize("setting", ["LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING"])
def test_a_run_is_traced_at_no_service(setting: str, scripted: list[str], repo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        url = f"http://127.0.0.1:{service.getsockname()[1]}"
        tracing = {setting: "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "for another program"}
        done = subprocess.run(
            [*scripted, *run_words(repo)], env={**os.environ, **tracing}, capture_output=True, timeout=60
        )
        assert done.returncode == 0 and not select.select([service], [], [], 0)[0], "nobody has connected"


def test_a_closed_pipe_is_no_reason_to_complain(scripted: list[str], repo: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*scripted, *run_words(repo)], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"Broken" not in done.stderr and b"Error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_an_output_that_cannot_be_written_is_one_sentence(scripted: list[str], repo: Path, options: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*scripted, *run_words(repo), *options], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"No space left" in done.stderr and b"Traceback" not in done.stderr


def test_a_file_that_cannot_be_opened_is_wrong_use(scripted: list[str], repo: Path, tmp_path: Path) -> None:
    done = subprocess.run([*scripted, *run_words(repo, "--json")], capture_output=True, check=True)
    id, file = json.loads(done.stdout)["experience_id"], tmp_path / "nowhere" / "run.json"
    exported = sleepwright("log", "show", id, "--repo", str(repo), "--export", str(file))
    assert exported.returncode == 2 and "No such file or directory" in exported.stderr


def test_without_stdin_and_stdout_there_is_nobody_to_ask(scripted: list[str], repo: Path) -> None:
    command = " ".join(f"'{word}'" for word in [*scripted, "run", "x", "--repo", str(repo), "--test", "true"])
    done = subprocess.run(f"{command} --sandbox none <&- >&-", shell=True, stderr=subprocess.PIPE)
    assert done.returncode == 0 and b"Error" not in done.stderr


@pytest.mark.parametrize(("answer", "kept"), [(b"y\n", b"a + b"), (b"\n", b"a - b"), (b"\x04", b"a - b")])
def test_in_a_terminal_the_user_is_asked(scripted: list[str], repo: Path, answer: bytes, kept: bytes) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*scripted, *run_words(repo)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, answer)
    assert process.wait() == 0
    os.close(ours)
    assert kept in (repo / "calc.py").read_bytes()


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


def blocked(scripted: Sequence[str], repo: Path, tmp_path: Path, condition: str) -> tuple[subprocess.Popen[bytes], int]:
    """A run whose test command waits for ever where the condition holds, and the pipe that it holds open."""
    for name in ("begun", "never"):
        os.mkfifo(tmp_path / name)
    test = f"if {condition}; then exec 3>{tmp_path}/begun; echo begun >&3; read line <{tmp_path}/never; fi; exit 1"
    words = ["run", "x", "--repo", str(repo), "--test", test, "--sandbox", "none", "--json"]
    process = subprocess.Popen([*scripted, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    held = os.open(tmp_path / "begun", os.O_RDONLY)
    assert os.read(held, 100) == b"begun\n"
    return process, held


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("condition", ["true", "grep -q 'a + b' calc.py"], ids=["localising", "checking"])
def test_an_interrupt_leaves_nothing_behind(
    scripted: list[str], repo: Path, surroundings: Path, tmp_path: Path, condition: str, number: signal.Signals
) -> None:
    process, held = blocked(scripted, repo, tmp_path, condition)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 130 and json.loads(out)["status"] == "error" and b"Traceback" not in err
    assert os.read(held, 100) == b""  # whoever held the pipe is gone
    os.close(held)
    assert git(repo, "worktree", "list").count("\n") == 1
    assert not list((surroundings / "home").glob("*/worktrees/sleepwright-*"))


def test_the_run_after_kill_9_clears_what_was_left(
    scripted: list[str], repo: Path, surroundings: Path, tmp_path: Path
) -> None:
    process, held = blocked(scripted, repo, tmp_path, "true")
    process.kill()
    process.communicate()
    assert git(repo, "worktree", "list").count("\n") == 2
    assert os.read(held, 100) == b""  # its command is gone with it
    os.close(held)
    done = subprocess.run([*scripted, *run_words(repo, "--json")], capture_output=True)
    assert json.loads(done.stdout)["status"] == "passed"
    assert git(repo, "worktree", "list").count("\n") == 1 and git(repo, "status", "--porcelain") == ""
    assert not list((surroundings / "home").glob("*/worktrees/sleepwright-*"))


def test_two_runs_at_once_do_not_disturb_each_other(scripted: list[str], repo: Path) -> None:
    runs = [subprocess.Popen([*scripted, *run_words(repo, "--json")], stdout=subprocess.PIPE) for _ in range(2)]
    assert [json.loads(run.communicate()[0])["status"] for run in runs] == ["passed", "passed"]
    listed = subprocess.run([*scripted, "log", "--json", "--repo", str(repo)], capture_output=True)
    assert len(json.loads(listed.stdout)) == 2
