"""Runs git through GitPython: in a clean environment, without prompts, and with one sentence for every failure."""

import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread
from typing import IO, NamedTuple, cast

from agent.errors import RepositoryError

# Without this a missing git would be an ImportError; `run_git` says it in a sentence.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
import git  # noqa: E402

OLDEST = (2, 25)
"""The oldest git that has all that is used here."""

_NEEDED = f"install git {OLDEST[0]}.{OLDEST[1]} or newer"
_MISSING = f"git was not found; {_NEEDED}"

# What a hook, an alias or `git rebase --exec` sets for its own repository would point our git at the wrong one.
_FOREIGN = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_CONFIG"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"),
    *("GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_GRAFT_FILE", "GIT_ATTR_SOURCE"),
    *("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_REFLOG_ACTION"),
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
)
_SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_PAGER": "cat",
    # Reading must not refresh the user's index on the way.
    "GIT_OPTIONAL_LOCKS": "0",
}

_SENTENCES = (
    ("dubious ownership", "git refuses {where}: {detail}; if you trust its owner, allow it with `git config --global "
     "--add safe.directory` and that path"),
    ("not a git repository (or any", "{where} is not in a git repository; run `git init` there, or name another one"),
    (".lock': File exists", "another git process is at work in {where}, or one has crashed; if none is running, remove "
     "the lock file: {detail}"),
    ("No space left on device", "there is no space left on the device, git in {where} cannot go on: {detail}"),
    ("Read-only file system", "git cannot write in {where}, the file system is read-only: {detail}"),
    ("Permission denied", "git may not read or write in {where}: {detail}"),
)  # fmt: skip


class GitRun(NamedTuple):
    """One finished git command."""

    status: int
    output: bytes
    errors: str
    """stderr, bytes that are not UTF-8 as surrogate escapes."""


def run_git(
    directory: Path, *arguments: str | Path, env: Mapping[str, str | Path] | None = None, stdin: bytes = b""
) -> GitRun:
    """Run git in `directory` and return how it went; RepositoryError only where git cannot be started.

    In a session of its own it cannot ask on the terminal. An interrupt ends it and its hooks before it goes on.
    """
    process = _start(directory, arguments, env or {})
    try:
        output, errors = process.communicate(stdin)
    except BaseException:
        # SIGTERM, on which git removes its lock files.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        raise
    run = GitRun(process.returncode, output, errors.decode("utf-8", "surrogateescape"))
    if run.status == 127 and run.errors.startswith("env: "):
        raise RepositoryError(_MISSING)
    return run


class GitPipe:
    """A git process that answers question after question. It ends with this one, however that ends."""

    def __init__(self, directory: Path, *arguments: str | Path, env: Mapping[str, str | Path] | None = None) -> None:
        answering = {"GIT_FLUSH": "1"}  # at once, whatever the user has set
        self._kept = _start(directory, arguments, {**(env or {}), **answering})  # GitPython ends what nobody holds
        self._process = cast("Popen[bytes]", self._kept.proc)
        Thread(target=_drain, args=(self._process.stderr,), daemon=True).start()

    def ask(self, question: bytes, size: Callable[[bytes], int] = lambda line: 0) -> bytes:
        """The line that answers, and as many bytes after it as `size` says; RepositoryError where git has ended."""
        asking, answering = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        with suppress(BrokenPipeError):
            asking.write(question)
            asking.flush()
        line = answering.readline()
        if not line.endswith(b"\n"):
            raise RepositoryError("a git process has ended before it answered")
        return line + answering.read(size(line))

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError):
            cast(IO[bytes], self._process.stdin).close()
        cast(IO[bytes], self._process.stdout).close()
        self._process.wait()


def git_output(
    directory: Path, *arguments: str | Path, env: Mapping[str, str | Path] | None = None, stdin: bytes = b""
) -> bytes:
    """What git prints there; RepositoryError with a sentence for the user where it fails."""
    run = run_git(directory, *arguments, env=env, stdin=stdin)
    if run.status:
        raise RepositoryError(sentence(directory, arguments, run.errors))
    return run.output


def sentence(directory: Path, arguments: Sequence[str | Path], errors: str) -> str:
    """What a user should read about a git command that failed."""
    where, detail = repr(str(directory)), _detail(errors)
    for words, text in _SENTENCES:
        if words in errors:
            return text.format(where=where, detail=detail)
    verb = next(str(part) for part in arguments if re.fullmatch(r"[a-z][a-z-]+", str(part)))
    return f"`git {verb}` failed in {where}: {detail}"


def check_version(directory: Path) -> None:
    """RepositoryError where git is missing or too old."""
    output = run_git(directory, "version").output.decode()
    found = re.search(r"(\d+)\.(\d+)", output)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        raise RepositoryError(f"{output.strip()} is too old; {_NEEDED}")


def _drain(complaints: IO[bytes]) -> None:
    """They must not fill the pipe."""
    with complaints:
        while complaints.read(65536):
            pass


def _start(directory: Path, arguments: Sequence[str | Path], env: Mapping[str, str | Path]) -> git.Git.AutoInterrupt:
    settings = {name: str(value) for name, value in {**_SETTINGS, **env}.items()}
    # GitPython adds to the environment but takes nothing out of it.
    foreign = [part for name in _FOREIGN if name in os.environ and name not in settings for part in ("-u", name)]
    # By -C alone: GitPython would fall back to the current directory where `directory` is gone, and a relative one
    # must not count twice.
    command = [*(["env", *foreign] if foreign else []), "git", "-C", str(directory), *map(str, arguments)]
    try:
        return git.Git(".").execute(command, as_process=True, istream=PIPE, env=settings, start_new_session=True)
    except git.GitCommandNotFound:
        raise RepositoryError(_MISSING) from None
    except OSError as error:
        raise RepositoryError(f"git cannot be started: {error.strerror}") from error


def _detail(errors: str) -> str:
    """The line of stderr that says most."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for prefix in ("fatal: ", "error: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
    return lines[-1] if lines else "it gave no reason"
