"""Turns a command's output, however long, into a short text: head and tail kept, terminal noise removed."""

import codecs
import re

HEAD = 16 * 1024
TAIL = 16 * 1024

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class BoundedOutput:
    """Takes any number of bytes and holds at most `HEAD + TAIL` of them."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        surplus = max(0, len(self._tail) - TAIL)
        del self._tail[:surplus]
        self._dropped += surplus

    def text(self) -> str:
        """The output as readable text; a cut is marked with the number of bytes left out."""
        if not self._dropped:
            return readable(bytes(self._head + self._tail).decode("utf-8", "replace"))
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        head = decoder.decode(bytes(self._head))
        # The cut may fall within a character: its bytes on either side are left out too.
        split = len(decoder.getstate()[0])
        begin = next((i for i in range(3) if self._tail[i] & 0xC0 != 0x80), 3)
        tail = self._tail[begin:].decode("utf-8", "replace")
        return f"{readable(head)}\n[... {self._dropped + split + begin:,} bytes left out ...]\n{readable(tail)}"


def readable(text: str) -> str:
    """Without escape sequences, control characters and the overwritten states of progress lines."""
    lines = _ESCAPE.sub("", text).split("\n")
    return _CONTROL.sub("", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))
