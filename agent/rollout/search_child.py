"""Searches files for search.py, in a process that can be ended. It imports nothing of ours, so that it starts fast.

Its question is a JSON object on stdin, its answer one on stdout.
"""

import json
import os
import re
import sys
from collections.abc import Iterator

LONGEST_LINE = 300


def files(target: str, foreign: "set[str]") -> Iterator[str]:
    """The files below a folder, or the one file, in a stable order; symbolic links are not followed."""
    if os.path.isfile(target):
        yield target
        return
    for folder, folders, names in os.walk(target):
        folders[:] = sorted(name for name in folders if name not in foreign)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not os.path.islink(path) and os.path.isfile(path):
                yield path


def matches(
    path: str, pattern: "re.Pattern[str]", quick: "re.Pattern[str] | None", largest: int
) -> Iterator["tuple[int, str]"]:
    """Numbers and texts of the lines that match; none of what is no text."""
    try:
        if os.path.getsize(path) > largest:
            return
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return
    if b"\0" in data[:8000]:
        return
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if quick and not quick.search(text):
        return
    for number, line in enumerate(text.split("\n"), 1):
        if found := pattern.search(line):
            yield number, clipped(line, found.start())


def clipped(line: str, place: int) -> str:
    """The part of a long line that holds the match."""
    if len(line) <= LONGEST_LINE:
        return line
    begin = max(0, place - LONGEST_LINE // 3)
    return ("..." if begin else "") + line[begin : begin + LONGEST_LINE] + "..."


def main() -> None:
    """Answer the question."""
    asked = json.load(sys.stdin)
    pattern = re.compile(asked["pattern"])
    # Where nothing in a pattern depends on the ends of the text, one look at a whole file can rule it out.
    quick = None if re.search(r"\\[AZz]|\(\?", asked["pattern"]) else re.compile(asked["pattern"], re.MULTILINE)
    wanted = re.compile(asked["files"]) if asked["files"] else None
    found: list[tuple[str, int, str]] = []
    searched = 0
    for path in files(asked["target"], set(asked["foreign"])):
        name = os.path.relpath(path, asked["root"])
        if wanted and not wanted.fullmatch(name):
            continue
        searched += 1
        for number, text in matches(path, pattern, quick, asked["largest"]):
            found.append((name, number, text))
            if len(found) > asked["most"]:
                json.dump({"matches": found[:-1], "is_cut": True, "files": searched}, sys.stdout)
                return
    json.dump({"matches": found, "is_cut": False, "files": searched}, sys.stdout)


if __name__ == "__main__":
    main()
