"""Checks one candidate in its work tree: its files parse, no new fatal lint errors, and the test command passes.

The tests are those of the snapshot. Where a candidate has edited or deleted test files, they are as they were while
the test command runs.
"""

import ast
import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.lint import MAX_SIZE, new_problems
from agent.sandbox import Sandbox
from memory.records import Check

_EXITS = ("SystemExit", "exit", "_exit")

Original = Callable[[str], bytes | None]
"""A file's content at the snapshot, None if it was not there; called with a path relative to the repository."""

MAX_PROBLEMS = 20

_TEST_FOLDERS = {"tests", "__tests__", "__snapshots__", "testdata"}
_TEST_NAME = re.compile(
    r"(test_.+|conftest|tests?)\.py|pytest\.ini|\.pytest\.ini"
    r"|test_.+\.\w+|.+[._-](test|tests|unittest|spec)\.\w+"  # x_test.go, x.spec.ts, x-test.js, x_spec.rb
    r"|\w+(Test|Tests|Spec|IT)\.(java|kt|scala|groovy|cs|php|swift)"
)


def check(
    worktree: Path,
    original: Original,
    changed: Sequence[str],
    test_command: str | None,
    sandbox: Sandbox,
    timeout: float,
    *,
    readable: Sequence[Path] = (),
) -> Check:
    """Check the candidate in `worktree`, which differs from the snapshot in the paths `changed`.

    The test command, limited to `timeout` seconds, is not run where problems were found; it sees `readable` besides
    the work tree. Test files that the candidate changed are put back afterwards.
    """
    problems = [problem for path in changed for problem in _problems(worktree, path, original)]
    if problems or test_command is None:
        return Check(problems=tuple(problems[:MAX_PROBLEMS]))
    with ExitStack() as restored:
        for path in touches_tests(changed, original, test_command):
            restored.enter_context(_as_it_was(worktree, path, original(path) or b""))
        return Check(tests=sandbox.run(test_command, worktree, timeout=timeout, readable=readable))


def touches_tests(changed: Sequence[str], original: Original, test_command: str | None) -> tuple[str, ...]:
    """The test files of the snapshot among the changed paths, by convention or by what the test command says."""
    judges = judging_scripts(test_command, original, changed)
    return tuple(path for path in changed if path in judges or (is_test_file(path) and original(path) is not None))


def judging_scripts(
    test_command: str | None, original: Original, among: Collection[str] | None = None
) -> frozenset[str]:
    """The scripts that a test command names and that are a test whatever their name, as far as they are `among` these.

    A shell script that it runs, and Python that imports code of the repository and asserts something, or exits. What
    imports nothing may hold the code that is tested, as with doctest.
    """
    try:
        words = shlex.split(test_command or "")
    except ValueError:
        return frozenset()
    found = set()
    for before, word in zip(["", *words], words, strict=False):
        path = os.path.normpath(word.partition("::")[0].rstrip(";"))
        if path.startswith(("/", "..")) or (among is not None and path not in among):
            continue
        is_run = before.rpartition("/")[2] in ("", "sh", "bash", "dash", "zsh", "&&", "||") or before.endswith(";")
        if path.endswith(".py") and "doctest" not in (test_command or ""):
            is_judge = (content := original(path)) is not None and _judges(path, content, original)
        else:
            is_judge = is_run and path.endswith(".sh") and original(path) is not None
        if is_judge:
            found.add(path)
    return frozenset(found)


def _judges(path: str, content: bytes, original: Original) -> bool:
    """Whether a Python file imports code of the repository, and asserts something or exits."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    folders = ("", "src/", f"{os.path.dirname(path)}/".removeprefix("/"))
    endings = (".py", "/__init__.py")
    uses_code = any(
        original(folder + name.replace(".", "/") + ending) is not None
        for name in modules
        for folder in dict.fromkeys(folders)
        for ending in endings
    )
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in nodes}
    return uses_code and (any(isinstance(node, ast.Assert) for node in nodes) or not names.isdisjoint(_EXITS))


def is_test_file(path: str) -> bool:
    """Whether a path, relative to the repository, is by convention a test, its data, or what configures the tests."""
    *folders, name = [part for part in path.split("/") if part not in ("", ".")]
    if _TEST_NAME.fullmatch(name) or not _TEST_FOLDERS.isdisjoint(folders):
        return True
    # Below the top, a Python package called `test` may be a product of its own, such as `django.test`.
    is_package = name.endswith(".py") and folders[:1] != ["test"] and "/src/test/" not in f"/{path}"
    return "test" in folders and not is_package


def _problems(worktree: Path, path: str, original: Original) -> list[str]:
    try:
        status = (worktree / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SIZE:
        return []
    name = os.fsencode(path).decode("utf-8", "backslashreplace")  # records hold text without lone surrogates
    return new_problems(name, original(path), (worktree / path).read_bytes())


@contextmanager
def _as_it_was(worktree: Path, path: str, content: bytes) -> Iterator[None]:
    """A file with its original content; what the candidate has in its place is set aside and put back."""
    target = worktree / path
    with tempfile.TemporaryDirectory(prefix="sleepwright-") as folder:
        aside = Path(folder) / "aside"
        occupied = _in_the_way(worktree, target)
        if occupied:
            shutil.move(occupied, aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if occupied == target and aside.is_file() and not aside.is_symlink():
            shutil.copymode(aside, target)
        try:
            yield
        finally:
            # The tests may have left anything here, links to the outside included.
            place = occupied or target
            while remains := _in_the_way(worktree, place):
                _remove(remains)
            if occupied:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(aside, place)


def _in_the_way(worktree: Path, target: Path) -> Path | None:
    """What is at `target`, or the link or file where a folder above it should be."""
    folders = [folder for folder in reversed(target.parents) if folder.is_relative_to(worktree) and folder != worktree]
    for folder in folders:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return folder
    return target if target.is_symlink() or target.exists() else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
