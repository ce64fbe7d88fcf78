"""Takes a shell command line apart into its simple commands, as far as it can be told for sure what will run.

Sequences, pipes, groups in the background, quotes, comments, continued lines, assignments, redirections and
substitutions are understood; whatever else a shell can do (loops, functions, here-documents, names of commands that
are computed) raises `Unclear`, so that who decides by the result fails closed.
"""

import re
from dataclasses import dataclass, field

_KEYWORDS = frozenset(
    "if then elif else fi for while until do done case esac select function { } [[ ]] ! coproc time".split()
)
_SEPARATORS = ("&&", "||", "|&", ";", "|", "&", "\n")
_REDIRECTION = re.compile(r"(\d*|&)(>>|>\||>&|<&|<>|>|<)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^]]*\])?\+?=")
_VARIABLE = re.compile(r"\$(?:\w+|[?#@*!$-]|\{\w+\})")
_GLOB = "*?[{~"


class Unclear(Exception):
    """It cannot be told what the shell would run."""


@dataclass(frozen=True)
class Word:
    """One argument."""

    text: str
    is_plain: bool = True
    """False where the shell may make something else of it: variables, substitutions, patterns."""


@dataclass
class Command:
    """One simple command."""

    words: list[Word] = field(default_factory=list)
    has_assignments: bool = False
    """Whether variables are set for it."""
    writes: bool = False
    """Whether its output goes to a file."""


def simple_commands(line: str) -> list[Command]:
    """Every command that the line would run, those in substitutions too. Raises Unclear."""
    if any(not (character.isprintable() or character in "\n\t") for character in line):
        raise Unclear("it holds characters that cannot be seen")
    reader = _Reader(line.replace("\\\n", ""))
    reader.sequence("")
    return reader.found


class _Reader:
    def __init__(self, text: str, depth: int = 0) -> None:
        if depth > 10:
            raise Unclear("it is nested too deeply")
        self.text = text
        self.depth = depth
        self.position = 0
        self.found: list[Command] = []

    def sequence(self, closer: str) -> None:
        """Commands up to the closer, or the end of the text."""
        command = Command()
        while self.position < len(self.text):
            self._skip_blank()
            rest = self.text[self.position :]
            if not rest:
                break
            if closer and rest.startswith(closer):
                self._finish(command)
                self.position += len(closer)
                return
            if separator := next((sign for sign in _SEPARATORS if rest.startswith(sign)), None):
                self._finish(command)
                command = Command()
                self.position += len(separator)
            elif redirection := _REDIRECTION.match(rest):
                self._redirect(command, redirection)
            elif rest[0] in "()":
                raise Unclear("it holds brackets of the shell")
            else:
                self._add(command, self._word())
        if closer:
            raise Unclear(f"{closer!r} is missing")
        self._finish(command)

    def _finish(self, command: Command) -> None:
        if not command.words:
            if command.writes or command.has_assignments:
                raise Unclear("it sets variables, or writes a file, without a command")
            return
        first = command.words[0]
        if not first.is_plain or first.text in _KEYWORDS:
            raise Unclear(f"it cannot be told what {first.text[:40]!r} runs")
        self.found.append(command)

    def _add(self, command: Command, word: Word) -> None:
        if not command.words and _ASSIGNMENT.match(word.text):
            command.has_assignments = True
        else:
            command.words.append(word)

    def _skip_blank(self) -> None:
        while self.position < len(self.text) and self.text[self.position] in " \t":
            self.position += 1
        if self.text[self.position : self.position + 1] == "#":
            end = self.text.find("\n", self.position)
            self.position = len(self.text) if end < 0 else end

    def _redirect(self, command: Command, sign: re.Match[str]) -> None:
        if self.text[self.position :].startswith(("<<", "<(", ">(")) or sign[2] == "<>":
            raise Unclear("it holds a here-document or a process substitution")
        self.position += sign.end()
        if self.text[self.position : self.position + 1] == "(":
            raise Unclear("it holds a process substitution")
        self._skip_blank()
        if self.text[self.position : self.position + 1] in ("", "\n", "(", ")", ";", "&", "|", "<", ">"):
            raise Unclear("a redirection leads nowhere")
        target = self._word()
        is_harmless = target.is_plain and (target.text == "/dev/null" or (sign[2] == ">&" and target.text.isdigit()))
        if ">" in sign[2] and not is_harmless:
            command.writes = True

    def _word(self) -> Word:
        parts: list[str] = []
        is_plain = True
        start = self.position
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\n;|&<>()":
                break
            if character == "'":
                end = self.text.find("'", self.position + 1)
                if end < 0:
                    raise Unclear("a quote is not closed")
                parts.append(self.text[self.position + 1 : end])
                self.position = end + 1
            elif character == '"':
                is_plain = self._quoted(parts) and is_plain
            elif character == "\\":
                parts.append(self.text[self.position + 1 : self.position + 2])
                self.position += 2
            elif character in "$`":
                self._dynamic(parts)
                is_plain = False
            else:
                is_plain = is_plain and character not in _GLOB
                parts.append(character)
                self.position += 1
        if self.position == start:
            raise Unclear("there is a word missing")
        return Word("".join(parts), is_plain)

    def _quoted(self, parts: list[str]) -> bool:
        """A text in double quotes; whether nothing in it is computed."""
        is_plain = True
        self.position += 1
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == '"':
                self.position += 1
                return is_plain
            if character == "\\" and self.text[self.position + 1 : self.position + 2] in ("$", "`", '"', "\\"):
                parts.append(self.text[self.position + 1])
                self.position += 2
            elif character in "$`":
                self._dynamic(parts)
                is_plain = False
            else:
                parts.append(character)
                self.position += 1
        raise Unclear("a quote is not closed")

    def _dynamic(self, parts: list[str]) -> None:
        """A variable, or a substitution, whose commands are found too."""
        rest = self.text[self.position :]
        if rest.startswith("$((") or rest.startswith(("$'", '$"')):
            raise Unclear("it holds arithmetic or special quotes")
        if rest.startswith("$("):
            inner = _Reader(rest[2:], self.depth + 1)
            inner.sequence(")")
            self.found += inner.found
            length = 2 + inner.position
        elif rest.startswith("`"):
            end = rest.find("`", 1)
            if end < 0 or "\\" in rest[:end]:
                raise Unclear("a substitution is not closed")
            inner = _Reader(rest[1:end], self.depth + 1)
            inner.sequence("")
            self.found += inner.found
            length = end + 1
        elif variable := _VARIABLE.match(rest):
            length = variable.end()
        elif rest.startswith("${"):
            raise Unclear("it computes with variables")
        else:
            length = 1  # a dollar sign by itself
        parts.append(rest[:length])
        self.position += length
