"""What conventions a machine can check: style, types, the floors of the house, and which commands are light."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("check", "."), ("format", "--check", ".")], ids=["lint", "format"])
def test_ruff(arguments: tuple[str, ...]) -> None:
    run(str(BIN / "ruff"), *arguments)


def test_mypy() -> None:
    run(sys.executable, "-m", "mypy")


def test_folders_import_downwards_only() -> None:
    run(str(BIN / "lint-imports"))


OWNERS = {
    "chromadb": {"memory/notes.py"},
    "mcp": {"memory/mcp_server.py"},
    "openai": {"agent/openai_model.py"},
    "langgraph": {"agent/graph.py", "agent/nodes.py", "agent/state.py"},
    "git": {"agent/git_command.py"},
    "matplotlib": {"evals/plots.py"},
    "ray": {"evals/executor.py"},
    "torch": {
        *("ttrl_adapter/pretrain.py", "ttrl_adapter/broken_examples.py", "ttrl_adapter/trainable_llama.py"),
        *("ttrl_adapter/train.py", "ttrl_adapter/drawing.py", "evals/sorting_model.py", "evals/bare_trl.py"),
    },
    "transformers": {
        *("ttrl_adapter/train.py", "ttrl_adapter/drawing.py", "ttrl_adapter/groups.py"),
        *("evals/sorting_model.py", "evals/speed.py", "evals/bare_trl.py"),
    },
    "trl": {"ttrl_adapter/train.py", "evals/bare_trl.py"},
    "peft": {"ttrl_adapter/train.py"},
}
"""A heavy library has one owner; the graph's three files are one."""


@pytest.mark.parametrize("library", OWNERS)
def test_a_heavy_library_has_one_owner(library: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("agent", "memory", "sleeptime", "ttrl_adapter", "evals")
        for path in (ROOT / folder).rglob("*.py")
        if any(
            line.strip().startswith((f"import {library}", f"from {library} ", f"from {library}."))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    }
    assert users <= OWNERS[library]


def test_no_file_is_called_utils() -> None:
    names = {
        p.name
        for folder in ("agent", "memory", "sleeptime", "ttrl_adapter", "evals")
        for p in (ROOT / folder).rglob("*.py")
    }
    assert not {n for n in names if n in ("utils.py", "helpers.py", "common.py") or "_v2" in n}


def test_every_file_is_in_the_tree_of_the_readme() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8")
    files = [
        p for folder in ("agent", "memory", "sleeptime", "ttrl_adapter", "evals") for p in (ROOT / folder).glob("*.py")
    ]
    assert [p.name for p in files if p.name not in tree and p.name != "__init__.py"] == []


def test_no_binary_is_larger_than_thirty_megabytes() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in tracked.stdout.split("\0") if name]
    assert all(path.stat().st_size <= 30_000_000 for path in paths if path.is_file())
