"""Which commands of a model may run. Inside bubblewrap all may; without it, what a rule, `--yes` or the user allows.

A rule is a command with shell patterns in its words, such as `pytest *`; a last `*` stands for any further arguments.
A command line is allowed where every command in it is; it is denied where any is. What cannot be taken apart for sure
is allowed by no rule, and denied as soon as there is one that denies. Denying is a convenience, no wall: a program
that may run can do anything that the sandbox lets it do.
"""

import shlex
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from threading import Lock

from agent.errors import ConfigError
from agent.selection import is_part_of
from agent.shell_commands import Command, Unclear, Word, simple_commands

Ask = Callable[[str], bool]


class Permissions:
    """Decides. Threads may share one: the user is asked one question at a time, and each only once."""

    def __init__(
        self,
        *,
        is_sandboxed: bool,
        allows_all: bool = False,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        own: str | None = None,
        ask: Ask | None = None,
    ) -> None:
        """`own` is the user's own test command; `ask` puts a question to the user, None where nobody can answer.

        Raises ConfigError for a rule that is none.
        """
        self._is_free = is_sandboxed or allows_all
        self._allow = [_rule(text) for text in allow]
        self._deny = [_rule(text) for text in deny]
        self._own = own
        self._ask = ask
        self._answers: dict[str, bool] = {}
        self._lock = Lock()

    def problem(self, command: str) -> str | None:
        """Why a command may not run, for the model; None where it may."""
        if self._is_free and not self._deny:
            return None
        command = command.strip()
        try:
            commands, unclear = simple_commands(command), ""
        except Unclear as reason:
            commands, unclear = [], str(reason)
        if self._deny and (unclear or any(_is_denied(found, rule) for found in commands for rule in self._deny)):
            why = f"it cannot be told what it runs: {unclear}. Write it more plainly" if unclear else "a rule denies it"
            return f"The command was not run: {why}."
        if self._is_free or (self._own and is_part_of(command, self._own)):
            return None
        if commands and all(any(_is_allowed(found, rule) for rule in self._allow) for found in commands):
            return None
        if self._ask is None:
            return f"The command was not run: there is nobody to ask whether it may.{self._hint(unclear)}"
        return None if self._answer(command) else f"The command was not run: the user refused it.{self._hint(unclear)}"

    def _answer(self, command: str) -> bool:
        assert self._ask
        with self._lock:
            if command not in self._answers:
                self._answers[command] = self._ask(f"A model wants to run this command:\n{visible(command)}\nRun it?")
            return self._answers[command]

    def _hint(self, unclear: str) -> str:
        allowed = [shlex.join(rule) for rule in self._allow] + ([self._own] if self._own else [])
        if not allowed:
            return " Work without commands: read, search, edit and write need no permission."
        listed = ", ".join(f"`{text}`".replace("'*'", "*") for text in allowed)
        plainly = f" This one is unclear: {unclear}." if unclear else ""
        return f" Allowed are, each by itself: {listed}.{plainly}"


def visible(command: str) -> str:
    """A command as people should see it, with nothing in it that hides or reorders its text."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in command)


def _rule(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"The rule {text!r} is no command: {error}.") from None
    if not words or words == ["*"]:
        raise ConfigError(f"The rule {text!r} says nothing: write a command, such as 'pytest *'; --yes allows all.")
    return words


def _is_allowed(command: Command, rule: Sequence[str]) -> bool:
    """Whether a rule covers all of a command: no variables set for it, no file written by the shell."""
    if command.has_assignments or command.writes:
        return False
    words = command.words
    if rule[-1] == "*" and len(rule) > 1:
        head = rule[:-1]
        return len(words) >= len(head) and _match(words[: len(head)], head)
    return len(words) == len(rule) and _match(words, rule)


def _match(words: Sequence[Word], patterns: Sequence[str]) -> bool:
    return all(word.is_plain and fnmatchcase(word.text, pattern) for word, pattern in zip(words, patterns, strict=True))


def _is_denied(command: Command, rule: Sequence[str]) -> bool:
    """Whether a rule could cover a part of a command: behind wrappers, by another path, in a text of its own."""
    words = [_Seen(word.text, word.is_plain) for word in command.words]
    for word in command.words[1:]:
        if any(character in word.text for character in " \t\n;"):  # sh -c '...'
            try:
                inner = simple_commands(word.text)
            except Unclear:
                continue
            if any(_is_denied(found, rule) for found in inner):
                return True
    return any(_begins(words[start:], rule) for start in range(len(words)))


class _Seen:
    def __init__(self, text: str, is_plain: bool) -> None:
        self.text = text
        self.is_plain = is_plain

    def may_be(self, pattern: str) -> bool:
        return not self.is_plain or fnmatchcase(self.text, pattern)


def _begins(words: Sequence[_Seen], rule: Sequence[str]) -> bool:
    first, *others = words
    if not first.is_plain:
        return False
    if not any(fnmatchcase(name, rule[0]) for name in (first.text, first.text.rpartition("/")[2])):
        return False
    patterns = list(rule[1:])
    if patterns and patterns[-1] == "*":
        patterns.pop()
    # Options may stand between a command and what it is told to do: `git -C x push`.
    position = 0
    for pattern in patterns:
        while position < len(others) and not others[position].may_be(pattern):
            position += 1
        if position == len(others):
            return False
        position += 1
    return True
