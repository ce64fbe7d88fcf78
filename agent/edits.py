"""The one edit applier: replace whole lines of files by other lines, and leave every other byte alone.

`edit_bytes` computes the new content of one file (agent/lines.py finds and replaces the lines, here is the encoding),
`apply_edits` writes files, all or nothing, and knows which paths are none of its business.
"""

import codecs
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agent.errors import EditRefused
from agent.lines import replace_lines

MAX_BYTES = 20 * 1024 * 1024
"""Larger files are refused: nobody edits them by hand."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ESCAPED_BYTES = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}


@dataclass(frozen=True)
class Edit:
    """Replace the lines `old` of the file at `path` by the lines `new`."""

    path: str
    """Relative to the root, with forward slashes; bytes that are not UTF-8 as surrogate escapes."""
    old: str
    """Whole lines that occur once; empty to fill a file that is absent or empty."""
    new: str
    """Whole lines; empty to delete. The last line break of `old` and `new` does not matter."""


class Decoded(NamedTuple):
    """A file's text, without the byte order mark, and how to write it back."""

    text: str
    codec: str
    bom: bytes


def decode(data: bytes) -> Decoded:
    """The text that edits are matched against: UTF-8, UTF-16 with a byte order mark, else latin-1.

    Raises EditRefused for binary data.
    """
    bom, codec = next(((bom, codec) for bom, codec in _BOMS if data.startswith(bom)), (b"", "utf-8"))
    try:
        text = data[len(bom) :].decode(codec)
    except UnicodeDecodeError:
        if codec != "utf-8":
            raise EditRefused(f"the file is not valid {codec}, which its byte order mark announces") from None
        codec = "latin-1"
        text = data[len(bom) :].decode(codec)
    if "\0" in text:
        raise EditRefused("the file holds NUL characters: it is binary, or UTF-16 without a byte order mark")
    return Decoded(text, codec, bom)


def edit_bytes(data: bytes, old: str, new: str) -> bytes:
    """Return `data` with the lines `old` replaced by the lines `new`; line endings and encoding stay the file's.

    An empty `old` fills empty data. Raises EditRefused, saying why, with line numbers and the nearest lines, where
    `old` is absent or ambiguous, nothing would change, the data is binary, or its encoding cannot hold `new`.
    """
    text, codec, bom = decode(data)
    if codec == "latin-1":
        # Who read the file as UTF-8 with surrogate escapes means the same bytes.
        old, new = old.translate(_ESCAPED_BYTES), new.translate(_ESCAPED_BYTES)
    if bom:
        old, new = old.removeprefix("\ufeff"), new.removeprefix("\ufeff")
    if old:
        new = replace_lines(text, old, new)
    elif text:
        raise EditRefused("the search text is empty, which only fills a file that is absent or empty; this one is not")
    result = bom + _encode(new, codec)
    if result == data:
        raise EditRefused("the edit changes nothing: the file would stay as it is")
    return result


def _encode(text: str, codec: str) -> bytes:
    if "\0" in text:
        raise EditRefused("the new text holds a NUL character, which would make the file binary")
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise EditRefused(
            f"the new text holds {character!a}, which {codec}, the file's encoding, cannot write"
        ) from None


class Change(NamedTuple):
    """What edits make of a file; `before` is None where they create it."""

    before: bytes | None
    after: bytes


def apply_edits(root: Path, edits: Sequence[Edit]) -> None:
    """Apply the edits in order to the files below `root`, all or none of them.

    Mode bits and symbolic links stay. Raises EditRefused for paths outside `root` or in `.git`, for anything but
    regular files of at most MAX_BYTES, and for edits that `edit_bytes` refuses.
    """
    try:
        _write(plan_edits(root, edits))
    except OSError as error:
        raise EditRefused(f"nothing was changed, because writing failed: {error}") from error


def plan_edits(root: Path, edits: Sequence[Edit]) -> dict[Path, Change]:
    """What `apply_edits` would write, by real path; raises EditRefused as it would."""
    before: dict[Path, bytes | None] = {}
    after: dict[Path, bytes] = {}
    for number, edit in enumerate(edits, start=1):
        which = f"edit {number} of {len(edits)}, " if len(edits) > 1 else ""
        try:
            target = locate(root, edit.path)
            if target not in before:
                before[target] = _read(target)
            data = after.get(target, before[target])
            after[target] = _create(edit) if data is None else edit_bytes(data, edit.old, edit.new)
        except EditRefused as refusal:
            raise EditRefused(f"{which}{edit.path!r}: {refusal}") from None
        except OSError as error:
            raise EditRefused(f"{which}{edit.path!r}: {error.strerror}") from None
    return {target: Change(before[target], data) for target, data in after.items() if data != before[target]}


def write_file(root: Path, path: str, content: str) -> Change:
    """Create the file at `path` below `root`, or replace all of it, in its encoding and with its line endings.

    Returns what was done. Raises EditRefused as `apply_edits` does, and where nothing would change.
    """
    target = locate(root, path)
    try:
        before = _read(target)
        change = Change(before, _whole(before, content))
        if change.after == before:
            raise EditRefused("the file is like this already")
        _write({target: change})
    except OSError as error:
        raise EditRefused(f"writing failed: {error.strerror}") from None
    return change


def _whole(before: bytes | None, content: str) -> bytes:
    """What a file holds after its whole text was replaced."""
    try:
        text, codec, bom = decode(before or b"")
    except EditRefused:  # it was binary, and is text from now on
        text, codec, bom = "", "utf-8", b""
    if codec == "latin-1":
        content = content.translate(_ESCAPED_BYTES)
    if "\r\n" in text and "\r" not in content and text.count("\r\n") == text.count("\n"):
        content = content.replace("\n", "\r\n")
    return bom + _encode(content.removeprefix("\ufeff") if bom else content, codec)


def locate(root: Path, path: str) -> Path:
    """The real file behind `path`, symbolic links resolved; EditRefused for what is not inside `root`, or git's."""
    relative = PurePosixPath(path)
    if not relative.parts or path.endswith("/"):
        raise EditRefused("this is not the path of a file")
    if relative.is_absolute() or ".." in relative.parts:
        raise EditRefused("the path must be relative to the repository, without '..'")
    root = root.resolve(strict=True)
    try:
        target = (root / relative).resolve()
    except ValueError:  # NUL, or a surrogate that stands for no byte
        raise EditRefused("this is not the path of a file") from None
    except RuntimeError:  # how Python before 3.13 reports it
        raise EditRefused("its symbolic links form a loop") from None
    if not target.is_relative_to(root):
        raise EditRefused("it is a symbolic link that leads out of the repository")
    if any(part.casefold() == ".git" for part in (*relative.parts, *target.relative_to(root).parts)):
        raise EditRefused("git's own files are not edited")
    return target


def _read(target: Path) -> bytes | None:
    """The bytes of a regular file; None where there is none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise EditRefused("it is a directory" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise EditRefused(f"the file has {status.st_size} bytes, more than the {MAX_BYTES} that can be edited")
    return target.read_bytes()


def _create(edit: Edit) -> bytes:
    if edit.old:
        raise EditRefused("there is no such file; an empty search text would create it")
    return _encode(edit.new, "utf-8")


def _write(changes: dict[Path, Change]) -> None:
    """Write each file beside its target, then rename all into place; a failure takes everything back."""
    with ExitStack() as undo:
        staged = [(_stage(target, after, undo), target) for target, (_, after) in changes.items()]
        for temporary, target in staged:
            os.replace(temporary, target)
            undo.callback(_restore, target, changes[target][0])
        undo.pop_all()


def _stage(target: Path, data: bytes, undo: ExitStack) -> Path:
    """A new file beside the target, with its mode bits."""
    for directory in reversed(target.parents):
        if not directory.exists():
            directory.mkdir()
            undo.callback(directory.rmdir)
    temporary = target.with_name(f".edit-{secrets.token_hex(8)}")
    undo.callback(temporary.unlink, missing_ok=True)
    temporary.write_bytes(data)
    if target.exists():
        shutil.copymode(target, temporary)
    return temporary


def _restore(target: Path, before: bytes | None) -> None:
    if before is None:
        target.unlink()
    else:
        target.write_bytes(before)
