"""The tool search: Python's regular expressions over a worktree, in a process of its own.

In our own process a pattern that backtracks for ever could not be ended: `re` holds the interpreter's lock.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.rollout.files import locate_any
from agent.rollout.observation import Observation
from agent.source import FOREIGN

SECONDS = 20.0
MOST_MATCHES = 100
LARGEST = 5_000_000
"""Bytes; larger files are data."""

_CHILD = Path(__file__).parent / "search_child.py"


def search(root: Path, pattern: str, path: str = "", glob: str = "", *, seconds: float = SECONDS) -> Observation:
    """Lines that match, as path:line: text; a pattern that is none is looked for as it stands."""
    target = locate_any(root, path)
    if not target.exists():
        return Observation(f"There is no file or folder {path!r}.", failed=True)
    notice = ""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        notice = f"[It is no regular expression ({error}), so it was searched for as it stands.]\n"
        pattern = re.escape(pattern)
    asked = {
        "root": str(root.resolve()),
        "target": str(target),
        "pattern": pattern,
        "files": glob_pattern(glob) if glob else "",
        "foreign": sorted(FOREIGN),
        "most": MOST_MATCHES,
        "largest": LARGEST,
    }
    try:
        found = _ask_child(asked, seconds)
    except subprocess.TimeoutExpired:
        why = f"The search was ended after {seconds:g} s: use a simpler pattern, or search in fewer files."
        return Observation(why, failed=True)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Observation(f"The search failed: {reason[:300]}", failed=True)
    where = (f" in {path}" if path else "") + (f" in files like {glob}" if glob else "")
    if not found["matches"]:
        return Observation(f"{notice}Nothing matches{where}; files searched: {found['files']:,}.")
    lines = "\n".join(f"{name}:{number}: {text}" for name, number, text in found["matches"])
    more = f"\n[... only the first {MOST_MATCHES} matches are shown: make it narrower]" if found["is_cut"] else ""
    return Observation(f"{notice}{lines}{more}")


def _ask_child(asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_CHILD)],
        input=json.dumps(asked).encode(),
        capture_output=True,
        timeout=seconds,
        start_new_session=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def glob_pattern(glob: str) -> str:
    """A regular expression for the paths that a pattern of a shell means; without a slash it is about names alone."""
    glob = glob.strip().removeprefix("./")
    glob = glob if "/" in glob else f"**/{glob}"
    parts: list[str] = []
    position, depth = 0, 0
    while position < len(glob):
        if glob.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
            continue
        character = glob[position]
        if glob.startswith("**", position):
            parts.append(".*")
            position += 1
        elif character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "{" and "}" in glob[position:]:
            parts.append("(?:")
            depth += 1
        elif character == "}" and depth:
            parts.append(")")
            depth -= 1
        elif character == "," and depth:
            parts.append("|")
        else:
            parts.append(re.escape(character))
        position += 1
    return "".join(parts) + ")" * depth
