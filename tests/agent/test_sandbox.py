import os
import re
import select
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SandboxError
from agent.output import HEAD, TAIL
from agent.sandbox import MAX_PROCESSES, Sandbox, bwrap_problem, open_sandbox
from memory.records import CommandRun

needs_bwrap = pytest.mark.skipif(bool(bwrap_problem()), reason=str(bwrap_problem()))
PYTHON = sys.executable


@pytest.fixture(params=["none", pytest.param("bwrap", marks=needs_bwrap)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return open_sandbox(request.param)


class Lifeline:
    """A pipe in a work tree: a command that opened it for writing holds it as long as it lives."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)

    def wait_until_held(self) -> None:
        select.select([self._reader], [], [])

    def is_cut(self) -> bool:
        """Wait until all who held it are gone; whether somebody ever did."""
        return os.read(self._reader, 1) == b"x" and os.read(self._reader, 1) == b""

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


HOLD = "exec 9>lifeline; printf x >&9; "


def test_a_command_runs_in_its_folder_and_can_write_there(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run("pwd && echo text > file && cat file", tmp_path, timeout=20)
    assert (run.exit_code, run.output, run.timed_out) == (0, f"{tmp_path}\ntext\n", False)


@pytest.mark.parametrize(
    ("command", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("nope", 127)]
)
def test_the_exit_code_is_the_shells(sandbox: Sandbox, tmp_path: Path, command: str, code: int) -> None:
    assert sandbox.run(command, tmp_path, timeout=20).exit_code == code


def test_both_streams_are_one_output(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run("echo out; echo err >&2", tmp_path, timeout=20).output == "out\nerr\n"


def test_the_folder_of_a_shell_line_may_have_spaces_and_quotes(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" $HOME'
    folder.mkdir()
    assert sandbox.run("pwd", folder, timeout=20).output == f"{folder}\n"


def test_stdin_is_empty_and_no_pager_or_editor_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    command = "cat; git init -q && git commit -q --allow-empty --message= ; git --paginate help -a | tail -1; tty"
    run = sandbox.run(command, tmp_path, timeout=20)
    assert not run.timed_out and "not a tty" in run.output


def test_a_command_that_takes_too_long_is_ended_with_124(sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline) -> None:
    run = sandbox.run(f"echo before; {HOLD} sleep 60", tmp_path, timeout=1)
    assert (run.exit_code, run.timed_out, run.passed) == (124, True, False)
    assert run.output == "before\n\n[ended: time is up]\n"
    assert lifeline.is_cut()


def test_ignoring_sigterm_does_not_help(sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline) -> None:
    run = sandbox.run(f"trap '' TERM; {HOLD} while :; do sleep 1; done", tmp_path, timeout=0.5)
    assert run.timed_out and lifeline.is_cut()


def test_a_command_that_closed_its_output_is_waited_for(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run(f"exec >&- 2>&-; {PYTHON} -c pass; exit 5", tmp_path, timeout=20).exit_code == 5


def test_a_background_process_neither_delays_the_end_nor_survives_it(
    sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline
) -> None:
    run = sandbox.run(f"{HOLD} sleep 100 & echo x", tmp_path, timeout=50)
    assert (run.output, run.timed_out) == ("x\n", False)
    assert lifeline.is_cut()


@needs_bwrap
def test_bubblewrap_ends_a_daemon_that_left_the_group(tmp_path: Path, lifeline: Lifeline) -> None:
    open_sandbox("bwrap").run(f"{HOLD} setsid sleep 100 & echo x", tmp_path, timeout=50)
    assert lifeline.is_cut()


def test_a_daemon_that_left_the_group_and_holds_the_pipe_does_not_block(tmp_path: Path) -> None:
    run = open_sandbox("none").run("setsid sleep 5 & echo x", tmp_path, timeout=50)
    assert (run.output, run.timed_out) == ("x\n", False)


def test_endless_output_is_cut_to_head_and_tail(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run("echo first; yes", tmp_path, timeout=0.5)
    assert run.timed_out and run.output.startswith("first\ny\n")
    assert len(run.output) < HEAD + TAIL + 200 and "bytes left out" in run.output


def test_the_end_of_fifty_megabytes_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last", tmp_path, timeout=50)
    assert run.passed and run.output.endswith("x\nlast\n")


def test_secrets_do_not_reach_the_command(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "DATABASE_URL"):
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setenv("LC_TIME", "C")
    run = sandbox.run("env", tmp_path, timeout=20)
    assert "swordfish" not in run.output and "LC_TIME=C" in run.output


def test_env_is_added_and_wins(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run("echo $COLUMNS $TERM", tmp_path, timeout=20, env={"COLUMNS": "72", "TERM": "xterm"})
    assert run.output == "72 xterm\n"


def test_the_work_tree_comes_before_what_is_installed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "pydantic.py").write_text("name = 'work tree'")
    run = sandbox.run(f"cd / && {PYTHON} -c 'import pydantic; print(pydantic.name)'", tmp_path, timeout=20)
    assert run.output == "work tree\n"


def test_a_python_path_that_is_added_comes_first(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run("echo $PYTHONPATH", tmp_path, timeout=20, env={"PYTHONPATH": "/probe"})
    assert run.output == f"/probe:{tmp_path}\n"


def test_the_users_home_is_not_the_commands(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run('find ~ -maxdepth 1 -type f; touch ~/new && echo "can write"', tmp_path, timeout=20)
    assert run.output == "can write\n"


def test_a_process_may_not_take_all_memory(sandbox: Sandbox, tmp_path: Path) -> None:
    run = sandbox.run(f"{PYTHON} -c 'bytearray(9 << 30)'", tmp_path, timeout=20)
    assert "MemoryError" in run.output


def test_no_core_is_dumped(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run("ulimit -c", tmp_path, timeout=20).output == "0\n"


def test_a_flood_of_processes_is_ended(sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline) -> None:
    run = sandbox.run(f"{HOLD} while :; do sleep 60 & done", tmp_path, timeout=60)
    assert not run.passed and not run.timed_out
    assert f"more than {MAX_PROCESSES} processes" in run.output and lifeline.is_cut()


def test_a_flood_beside_it_does_not_end_a_command(sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline) -> None:
    os.mkfifo(tmp_path / "go")
    found: list[CommandRun] = []
    thread = threading.Thread(
        target=lambda: found.append(sandbox.run(f"{HOLD} read x <go; echo $x", tmp_path, timeout=60))
    )
    thread.start()
    lifeline.wait_until_held()
    flood = sandbox.run("while :; do sleep 60 & done", tmp_path, timeout=60)
    go = os.open(tmp_path / "go", os.O_RDWR)  # does not wait for a reader, in case there is none any more
    os.write(go, b"gone on\n")
    thread.join()
    os.close(go)
    assert "processes" in flood.output and (found[0].exit_code, found[0].output) == (0, "gone on\n")


def test_a_command_that_no_shell_can_take_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run("echo \0", tmp_path, timeout=20).exit_code == 126
    assert sandbox.run(f"echo {'x' * 200_000}", tmp_path, timeout=20).exit_code == 126


def test_a_folder_that_is_gone_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.run("true", tmp_path / "gone", timeout=20)


def test_an_interrupt_ends_the_command_and_flies_on(tmp_path: Path, lifeline: Lifeline) -> None:
    # Only a command that is under way can be ended: not while it is still being started.
    with pytest.raises(KeyboardInterrupt):
        open_sandbox("none").run(f"{HOLD} sleep 0.3; kill -INT $PPID; sleep 60", tmp_path, timeout=50)
    assert lifeline.is_cut()


def test_a_command_does_not_outlive_our_process(sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline) -> None:
    command = f"{HOLD} sleep 100 & sleep 100; true"
    program = f"""
from pathlib import Path
from agent.sandbox import Sandbox
Sandbox({sandbox.name!r}).run({command!r}, Path({str(tmp_path)!r}), timeout=100)
"""
    with subprocess.Popen([PYTHON, "-c", program], cwd=Path(__file__).parents[2]) as process:
        lifeline.wait_until_held()
        process.kill()
    assert lifeline.is_cut()


@pytest.mark.parametrize("program", ["import os; os.wait()", "import os; os.wait3(0)"])
def test_a_command_has_no_children_that_it_did_not_start(sandbox: Sandbox, tmp_path: Path, program: str) -> None:
    run = sandbox.run(f"exec {PYTHON} -c {shlex.quote(program)}", tmp_path, timeout=20)
    assert "No child processes" in run.output and not run.timed_out


def test_stop_ends_what_runs_in_other_threads_and_lets_nothing_start(
    sandbox: Sandbox, tmp_path: Path, lifeline: Lifeline
) -> None:
    interrupted: list[bool] = []

    def run() -> None:
        try:
            sandbox.run(f"{HOLD} sleep 60", tmp_path, timeout=50)
        except KeyboardInterrupt:
            interrupted.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    lifeline.wait_until_held()
    sandbox.stop()
    thread.join()
    assert interrupted and lifeline.is_cut()
    with pytest.raises(KeyboardInterrupt):
        sandbox.run("true", tmp_path, timeout=20)


@needs_bwrap
def test_bubblewrap_shows_only_what_is_readable_of_temporary_folders(tmp_path: Path) -> None:
    worktree, shown, hidden = tmp_path / "worktree", tmp_path / "shown", tmp_path / "hidden"
    for folder in (worktree, shown, hidden):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    command = f"cat {shown}/file {hidden}/file; echo x > {shown}/file"
    run = open_sandbox("bwrap").run(command, worktree, timeout=20, readable=[shown])
    assert re.search(r"^showncat: .*No such file.*\n.*Read-only file system", run.output)
    assert (shown / "file").read_text() == "shown"


@needs_bwrap
def test_bubblewrap_lets_nothing_be_written_but_the_work_tree_and_what_is_writable(tmp_path: Path) -> None:
    worktree, writable = tmp_path / "worktree", tmp_path / "writable"
    worktree.mkdir()
    writable.mkdir()
    command = f"echo x > {writable}/file; echo x > {tmp_path}/file; touch /etc/sleepwright {PYTHON}"
    run = open_sandbox("bwrap").run(command, worktree, timeout=20, writable=[writable])
    assert (writable / "file").exists() and not (tmp_path / "file").exists() and not Path("/etc/sleepwright").exists()
    assert run.exit_code == 1


@needs_bwrap
def test_what_is_to_be_hidden_is_empty_also_inside_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree, shown = tmp_path / "worktree", tmp_path / "shown"
    for folder in (worktree, shown / "answers"):
        folder.mkdir(parents=True)
    for name in ("answers/1.patch", "rows.jsonl", "other"):
        (shown / name).write_text("known")
    monkeypatch.setenv("SLEEPWRIGHT_HIDE", f"{shown}/answers:{shown}/rows.jsonl:{shown}/gone:relative:")
    command = f"ls {shown} {shown}/answers; cat {shown}/rows.jsonl {shown}/other; env | grep HIDE"
    run = open_sandbox("bwrap").run(command, worktree, timeout=20, readable=[shown])
    assert "1.patch" not in run.output and run.output.count("known") == 1 and "HIDE" not in run.output


@needs_bwrap
def test_bubblewrap_has_a_loopback_and_no_other_network(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname())\n"
        "print([name for _, name in socket.if_nameindex()])\n"
    )
    assert open_sandbox("bwrap").run(f"{PYTHON} script.py", tmp_path, timeout=20).output == "['lo']\n"


@needs_bwrap
def test_bubblewrap_shows_no_foreign_processes_and_grants_no_privileges(tmp_path: Path) -> None:
    run = open_sandbox("bwrap").run("grep CapEff /proc/self/status; ls -d /proc/[0-9]*", tmp_path, timeout=20)
    capabilities, *processes = run.output.split("\n", 1)
    assert capabilities.endswith("\t0000000000000000") and processes[0].count("/proc/") < 10


@needs_bwrap
def test_auto_takes_bubblewrap_where_it_works() -> None:
    assert open_sandbox("auto").name == "bwrap"


@pytest.mark.skipif(not bwrap_problem(), reason="bubblewrap works here")
def test_without_bubblewrap_auto_falls_back_and_asking_for_it_is_an_error() -> None:
    assert open_sandbox("auto").name == "none"
    with pytest.raises(SandboxError, match="bubblewrap"):
        open_sandbox("bwrap")
