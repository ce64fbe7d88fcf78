"""The tools read, edit and write, within one worktree. What leads out of it, or into `.git`, is refused."""

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path

from agent.checkout import Checkout
from agent.edits import MAX_BYTES, Change, Edit, apply_edits, decode, locate, plan_edits, write_file
from agent.errors import EditRefused
from agent.lint import new_problems
from agent.rollout.observation import LONGEST, Observation, numbered

MOST_LINES = 500
"""Of one reading."""
MOST_ENTRIES = 300
"""Of a folder."""
_AROUND = 3  # lines shown around a change or a problem
_NUMBER = re.compile(r"^ *\d+\t", re.MULTILINE)
_PLACE = re.compile(r":(\d+):")


def within(root: Path, path: str) -> str:
    """A path as the model wrote it, relative to the worktree; "" is the worktree itself."""
    path = path.strip().removeprefix("file://")
    for top in (str(root), str(root.resolve())):
        if path == top or path.startswith(top + "/"):
            path = path[len(top) :].lstrip("/")
    parts = [part for part in path.split("/") if part != "."]
    return "/".join(parts).rstrip("/") if not path.startswith("/") else path


def locate_any(root: Path, path: str) -> Path:
    """The real file or folder behind a path; EditRefused for what is not inside the worktree, or git's."""
    relative = within(root, path)
    return locate(root, relative) if relative else root.resolve()


def read(root: Path, path: str, start: int | None = None, end: int | None = None) -> Observation:
    """A file's lines with their numbers, or what is in a folder."""
    target = locate_any(root, path)
    if target.is_dir():
        return Observation(_listing(root, target))
    name = within(root, path)
    if not os.path.lexists(target):
        return Observation(f"There is no file {name!r}.{_namesakes(root, name)}", failed=True)
    lines = _text(target).split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return Observation(f"{name} is empty.")
    first = max(1, start or 1)
    last = min(len(lines), end or len(lines))
    if first > last:
        return Observation(f"{name} has {len(lines)} lines: there are none from {start} to {end}.", failed=True)
    shown = lines[first - 1 : min(last, first - 1 + MOST_LINES)]
    while len(shown) > 1 and len(numbered(shown, first)) > LONGEST - 200:
        shown = shown[: len(shown) * 3 // 4]
    more = "" if first - 1 + len(shown) == last else f"\n[Lines {first + len(shown)} to {last} are left out.]"
    return Observation(
        f"{name}, lines {first} to {first + len(shown) - 1} of {len(lines)}:\n{numbered(shown, first)}{more}"
    )


def edit(root: Path, path: str, old: str, new: str) -> Observation:
    """Replace a text that occurs once; refused where the file would be broken by it."""
    name = within(root, path)
    wanted = _as_lines(root, Edit(name, old, new))
    ((target, change),) = plan_edits(root, [wanted]).items()
    if problems := new_problems(name, change.before, change.after):
        why = f"After it the file would be broken:\n{_broken(problems, change)}"
        return Observation(f"The edit was refused, nothing was changed. {why}", failed=True)
    apply_edits(root, [wanted])
    return Observation(f"Done. {_outcome(name, change)}", may_have_written=True)


def write(root: Path, path: str, content: str) -> Observation:
    """Create a file or replace all of it; what is broken in it is said."""
    name = within(root, path)
    change = write_file(root, name, content)
    problems = new_problems(name, change.before, change.after)
    warning = f" But it is broken now, repair it:\n{_broken(problems, change)}" if problems else ""
    lines = len(_lines(change.after))
    verb = "created" if change.before is None else "replaced"
    return Observation(f"Done: {name} is {verb}, lines: {lines}.{warning}", may_have_written=True)


def _as_lines(root: Path, wanted: Edit) -> Edit:
    """The edit in whole lines, which is how they are applied: a part of a line that occurs once is widened.

    Line numbers that were copied from a reading are taken away.
    """
    target = locate(root, wanted.path)
    if not wanted.old or not target.is_file():
        return wanted
    text = _text(target)
    old, new = wanted.old.replace("\r\n", "\n"), wanted.new.replace("\r\n", "\n")
    if old not in text and all(_NUMBER.match(line) for line in old.split("\n") if line.strip()):
        old, new = _NUMBER.sub("", old), _NUMBER.sub("", new)
        wanted = Edit(wanted.path, old, new)
    if old.endswith("\n"):
        old, new = old[:-1], new.removesuffix("\n")
    places = _places(text, old) if old else []
    whole = [place for place in places if _is_whole(text, place, place + len(old))]
    if not places or len(whole) == 1:
        return wanted
    if len(places) > 1:
        numbers = ", ".join(str(text.count("\n", 0, place) + 1) for place in places[:20])
        raise EditRefused(f"the text to replace occurs more than once, at lines {numbers}: give more of what is around")
    begin = text.rfind("\n", 0, places[0]) + 1
    end = text.find("\n", places[0] + len(old))
    end = len(text) if end < 0 else end
    return Edit(wanted.path, text[begin:end], text[begin : places[0]] + new + text[places[0] + len(old) : end])


def _places(text: str, old: str) -> list[int]:
    found: list[int] = []
    place = text.find(old)
    while place >= 0 and len(found) < 100:
        found.append(place)
        place = text.find(old, place + 1)
    return found


def _is_whole(text: str, begin: int, end: int) -> bool:
    return (begin == 0 or text[begin - 1] == "\n") and (end == len(text) or text[end] == "\n")


def _text(target: Path) -> str:
    """A regular file's text, with \\n as line ends."""
    status = target.stat()
    if not stat.S_ISREG(status.st_mode):
        raise EditRefused("it is no regular file")
    if status.st_size > MAX_BYTES:
        raise EditRefused(f"it has {status.st_size:,} bytes, which is too much to show; use bash on parts of it")
    return decode(target.read_bytes()).text.replace("\r\n", "\n")


def _lines(data: bytes) -> list[str]:
    lines = decode(data).text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _outcome(name: str, change: Change) -> str:
    """The lines around the change as they are now."""
    before, after = _lines(change.before or b""), _lines(change.after)
    if not after:
        return f"{name} is empty now."
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    most = min(len(before), len(after)) - same
    tail = next((i for i in range(most) if before[-1 - i] != after[-1 - i]), most)
    begin, end = max(0, same - _AROUND), min(len(after), len(after) - tail + _AROUND)
    shown = after[begin:end] if end - begin <= 60 else after[begin : begin + 60]
    return f"{name} from line {begin + 1} is now:\n{numbered(shown, begin + 1)}"


def _broken(problems: list[str], change: Change) -> str:
    """The problems, and the lines around the first of them as they would be."""
    said = "\n".join(problems[:10])
    place = _PLACE.search(problems[0])
    if not place:
        return said
    lines, number = _lines(change.after), int(place[1])
    begin = max(0, number - 1 - _AROUND)
    return f"{said}\nThe lines there would be:\n{numbered(lines[begin : number + _AROUND], begin + 1)}"


def _listing(root: Path, folder: Path) -> str:
    """What is in a folder, folders with a slash at their end."""
    with os.scandir(folder) as found:
        names = sorted(entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in found)
    names = [name for name in names if name not in (".git", ".git/") and name.isprintable()]
    where = folder.relative_to(root.resolve()).as_posix()
    where = "The repository's top" if where == "." else f"The folder {where}"
    more = f"\n[... and {len(names) - MOST_ENTRIES} more]" if len(names) > MOST_ENTRIES else ""
    listed = "\n".join(names[:MOST_ENTRIES])
    return f"{where} holds:\n{listed}{more}" if names else f"{where} is empty."


def _namesakes(root: Path, path: str) -> str:
    """Files that may have been meant."""
    files = Checkout(root).files
    name = path.rpartition("/")[2]
    same = [file for file in files if file.rpartition("/")[2] == name]
    near = same[:10] or get_close_matches(path, files[:5000], n=5, cutoff=0.7)
    return f" Did you mean {', '.join(near)}?" if near else ""
