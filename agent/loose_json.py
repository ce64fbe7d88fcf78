"""Reads JSON as models write it: single quotes, trailing commas, real line breaks in strings, Python's constants.

Only what has one meaning is repaired. A quote within a string that is not escaped, or a string without an end, is
refused: guessing there could run another command than was meant.
"""

import json
import re
from typing import Any, NamedTuple

_DEPTH = 60
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CONSTANTS: dict[str, bool | None] = {
    **{"true": True, "false": False, "null": None},
    **{"True": True, "False": False, "None": None},
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_SMART = {"“": "”", "”": "”", "„": "“", "‘": "’"}


class NotJson(Exception):
    """The text is no JSON, however it is read; says why and where."""


class Parsed(NamedTuple):
    """A value, and where it ends in the text."""

    value: Any
    end: int
    is_complete: bool
    """False where brackets at the end of the text were missing."""


def parse(text: str, start: int = 0) -> Parsed:
    """The object or list that begins at `start`, strictly if possible. Raises NotJson."""
    start = _skip(text, start)
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        return Parsed(value, end, True)
    except (ValueError, RecursionError):
        reader = _Reader(text, start)
        value = reader.value(0)
        return Parsed(value, reader.position, reader.is_complete)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


class _Reader:
    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.is_complete = True

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise NotJson("it is nested too deeply")
        self.position = _skip(self.text, self.position)
        character = self.text[self.position : self.position + 1]
        if character == "{":
            return self._members(depth)
        if character == "[":
            return self._items(depth)
        if character in ("'", '"', "`") or character in _SMART:
            return self._string()
        if number := _NUMBER.match(self.text, self.position):
            self.position = number.end()
            try:
                return float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
            except ValueError:  # Python reads whole numbers of a few thousand digits at most
                raise NotJson("a number has too many digits") from None
        word = _WORD.match(self.text, self.position)
        if word and word[0] in _CONSTANTS:
            self.position = word.end()
            return _CONSTANTS[word[0]]
        raise self._wrong("a value")

    def _members(self, depth: int) -> dict[str, Any]:
        self.position += 1
        members: dict[str, Any] = {}
        while not self._closes("}"):
            word = _WORD.match(self.text, self.position)
            if word:
                name, self.position = word[0], word.end()
            elif self.text[self.position] in "'\"`" or self.text[self.position] in _SMART:
                name = self._string()
            else:
                raise self._wrong("a name in quotes")
            self.position = _skip(self.text, self.position)
            if self.text[self.position : self.position + 1] != ":":
                raise self._wrong("a colon")
            self.position += 1
            members[name] = self.value(depth + 1)
            self._comma("}")
        return members

    def _items(self, depth: int) -> list[Any]:
        self.position += 1
        items: list[Any] = []
        while not self._closes("]"):
            items.append(self.value(depth + 1))
            self._comma("]")
        return items

    def _closes(self, bracket: str) -> bool:
        """Whether the object or list is at its end, or the text is."""
        self.position = _skip(self.text, self.position)
        if self.position >= len(self.text):
            self.is_complete = False
            return True
        if self.text[self.position] != bracket:
            return False
        self.position += 1
        return True

    def _comma(self, bracket: str) -> None:
        self.position = _skip(self.text, self.position)
        character = self.text[self.position : self.position + 1]
        if character == ",":
            self.position += 1
        elif character not in (bracket, ""):
            raise self._wrong(f"a comma or {bracket!r}; quotes within a text need a backslash")

    def _string(self) -> str:
        opener = self.text[self.position]
        triple = opener * 3
        if opener in "'\"" and self.text.startswith(triple, self.position):
            end = self.text.find(triple, self.position + 3)
            if end < 0:
                raise NotJson("a text in triple quotes has no end")
            found, self.position = self.text[self.position + 3 : end], end + 3
            return found
        closer = _SMART.get(opener, opener)
        parts: list[str] = []
        self.position += 1
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == closer:
                self.position += 1
                # Two escapes that are the halves of one character.
                return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            parts.append(self._escaped() if character == "\\" else character)
            self.position += 1
        raise NotJson("a text in quotes has no end")

    def _escaped(self) -> str:
        """What a backslash and what follows stand for; unknown ones, as in a regular expression, for themselves."""
        code = re.compile(r"\\u([0-9a-fA-F]{4})").match(self.text, self.position)
        if code:
            self.position = code.end() - 1
            return chr(int(code[1], 16))
        self.position += 1
        character = self.text[self.position : self.position + 1]
        if character == "\n":
            return "\\\n"  # a line that goes on, as shells have it
        return _ESCAPES.get(character, "\\" + character)

    def _wrong(self, expected: str) -> NotJson:
        around = self.text[max(0, self.position - 20) : self.position + 20]
        return NotJson(f"at character {self.position}, near {around!r}, there should be {expected}")
