"""Compares what a model claims with the repository: every path, name, command and quotation, before it is stored.

No model judges: a thing is there, or it is not. What reads like a name and cannot be found counts as invented, so that
good claims are lost now and then, and made-up ones are not kept.
"""

import builtins
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sleeptime.claims import Claim

_LEAST_QUOTE = 8
"""Characters; shorter ones are no evidence."""
_SPAN = re.compile(r"`+([^`]+)`+")
_QUOTED = re.compile(r"""["“]([^"“”\n]+)["”]|(?<!\w)['‘]([^'‘’\n]+)['’](?!\w)""")
_URL = re.compile(r"\b\w+://[^\s`\"')\]]+")
_SLASHED = re.compile(r"(?<![\w/])(?:\.{0,2}/)?(?:[\w.@-]+/)+[\w.@-]*|(?<!\w)/[\w./-]+")
_FILE = re.compile(r"(?<![\w./-])[\w-][\w.-]*\.([A-Za-z]\w{0,9})\b(?!\()")
_NAME = re.compile(
    r"\b[^\W\d]\w*(?:(?:\.|::|->)[^\W\d]\w*)+(?:\(\))?"  # dotted
    r"|\b[^\W\d]\w*\((?!e?s\))(?=[^\s)]*\))"  # called, and no plural
    r"|\b\w*[^\W_]_+\w*|\b_+\w+"  # with an underscore
    r"|(?<![\w.])@[^\W\d]\w*"  # a decorator
    r"|\b[^\W\d_]*[a-z0-9][A-Z]\w*"  # humps
)
_NAMED = re.compile(
    r"\b(?:functions?|methods?|class(?:es)?|modules?|packages?|variables?|constants?|attributes?|fields?|parameters?"
    r"|arguments?|exceptions?|decorators?|fixtures?|flags?|options?|commands?|tables?|endpoints?)"
    r"(?: (named|called))? ([^\W\d]\w*)"
)
_BENT = re.compile(r"[a-z]+(?:ed|ing|ly|s)")
_COMMAND = re.compile(
    r"\b(?:npm(?: run)?|yarn|pnpm|cargo|tox -e|nox -s|python3? -m|pip3? install|poetry|uv run|docker|just)"
    r" [\w./:@=-]+(?: [\w-]*[./:@=_-][\w./:@=-]*)*"
    r"|\b(?:sudo|curl|wget|rm -\w+) \S+"
    r"|(?<=\b[Rr]un )make [\w-]+|(?<=\b[Rr]unning )make [\w-]+|(?<=\b[Ww]ith )make [\w-]+|(?<=\b[Cc]all )make [\w-]+"
)
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]+")
_LINE = re.compile(r"\blines? #?(\d+)(?:(?:-| to | through | and |–)(\d+))?", re.IGNORECASE)
_LINE_OF = re.compile(r"([\w./-]+\.\w+)(?::|#)L?(\d+)(?:-L?(\d+))?\b")
_PLAIN = re.compile(r"[^\W\d]\w*")
_ALWAYS = frozenset((*dir(builtins), "null", "nil", "undefined", "true", "false", "self", "this"))
_ABBREVIATIONS = frozenset(("e.g", "i.e", "a.k.a", "etc"))
_BETWEEN = frozenset(
    "a an and are as at be been before below by can cannot do does for from given has have here if in into is it its"
    " itself like list may might must name names needs never not of on only or over return returns should so take takes"
    " that the then there they this to under until use used uses was when where which while who will with without"
    " above after also always all any both each expects changes gets goes keeps made makes raises reads shall stays"
    " writes works access again at body boundary but call chain creation declaration definition dict header hierarchy"
    " instance just level line lookup namespace object once order pair per prefix resolution scope scoped signature"
    " state such than twice value".split()
)
"""Words that follow "function" and the like without being its name; so do verbs and plurals."""
_MAKE = re.compile(r"^([\w.-]+(?: [\w.-]+)*)\s*:(?!=)", re.MULTILINE)


@dataclass(frozen=True)
class Tree:
    """What claims are compared with: one snapshot."""

    paths: Mapping[str, str]
    """Blob ids by path."""
    read: Callable[[str], str]
    """The text of a file by its path; "" where it is none."""
    defines: Callable[[str, str], bool]
    """Whether the file of this path defines this name; for a language that is not read, whether it has the word."""
    definer: Callable[[str], str | None]
    """The one file that defines this name; None where none does or several do."""
    test_command: str | None = None
    documents: tuple[str, ...] = ()
    """Paths of files in which commands are written down."""


class Invented(Exception):
    """Something that a claim names is not there."""


@dataclass
class Verified:
    """What was found about a claim."""

    paths: list[str] = field(default_factory=list)
    """The files that it is about, as far as they were found."""
    symbols: list[tuple[str, str]] = field(default_factory=list)
    """Path and name of what is defined as the claim says."""
    checks: list[str] = field(default_factory=list)
    """In words, for the note."""


def verify(claim: Claim, about: str, tree: Tree) -> Verified:
    """Check a claim on the file `about`. Invented, with what is not there."""
    return _Verification(claim, about, tree).result()


class _Verification:
    def __init__(self, claim: Claim, about: str, tree: Tree) -> None:
        self._claim = claim
        self._about = about
        self._tree = tree
        self._found = Verified(paths=[about])

    def result(self) -> Verified:
        claim, found = self._claim, self._found
        for symbol in claim.symbols:
            self._check_symbol(symbol)
        for quote in claim.quotes:
            self._check_quote(quote.text, [self._path(quote.path)])
        evidence = len(found.checks)
        self._check_text(claim.text)
        if claim.kind in ("invariant", "pitfall", "where-to-change") and not evidence:
            raise Invented("it has no evidence")
        return found

    def _check_symbol(self, symbol: str) -> None:
        place, separator, name = symbol.rpartition("::")
        path = self._path(place if separator else self._about)
        *owners, last = re.split(r"\.|::", name.removesuffix("()"))
        modules = _PLAIN.findall(path)
        if not self._tree.defines(path, last) or not all(
            owner in modules or self._tree.defines(path, owner) for owner in owners
        ):
            raise Invented(f"{path} does not define {name!r}")
        self._found.symbols.append((path, name))
        self._found.checks.append(f"{path} defines {name}")

    def _check_quote(self, text: str, paths: list[str]) -> None:
        wanted = _spaced(text)
        if len(wanted) < _LEAST_QUOTE:
            raise Invented(f"the quotation {wanted!r} is too short to tell anything")
        place = next((path for path in paths if wanted in _spaced(self._tree.read(path))), None)
        if place is None:
            raise Invented(f"{' and '.join(paths)} does not say {wanted[:80]!r}")
        self._found.checks.append(f"{place} says {wanted[:200]!r}")

    def _check_text(self, text: str) -> None:
        # Files first: what they hold decides what is a name.
        for path in _files_in(text, self._endings):
            self._path(path)
        for url in _URL.findall(text):
            if not self._is_said(url.rstrip(".,;:")):
                raise Invented(f"the address {url!r}")
        prose = _URL.sub(" ", text)
        for span in _SPAN.findall(prose):
            self._check_span(span.strip())
        prose = _SPAN.sub(" ", prose)
        for quoted in _QUOTED.findall(prose):
            words = quoted[0] or quoted[1]
            if not self._is_said(words):
                raise Invented(f"the quotation {words[:80]!r}")
        prose = _QUOTED.sub(" ", prose)
        for command in _COMMAND.findall(prose):
            if not self._is_command(command.rstrip(".,;:")):
                raise Invented(f"the command {command!r}")
        for option in _OPTION.findall(prose):
            if not self._is_said(option):
                raise Invented(f"the option {option!r}")
        for name in _names_in(prose, self._endings):
            self._check_name(name)
        for first, last in _LINE.findall(text):
            self._check_line(int(last or first), self._about)
        for path, first, last in _LINE_OF.findall(text):
            if resolved := self._resolved(path):
                self._check_line(int(last or first), resolved)

    def _check_line(self, number: int, path: str) -> None:
        if not 1 <= number <= len(self._tree.read(path).splitlines()):
            raise Invented(f"line {number}, which {path} does not have")

    def _check_span(self, span: str) -> None:
        """Code in backticks: a path, a name, a command, or words of a file."""
        if self._tree.paths.get(span) or self._resolved(span):
            self._path(span)
        elif (place := _LINE_OF.fullmatch(span)) and self._resolved(place[1]):
            self._path(place[1])
        elif "::" in span and (path := self._resolved(span.partition("::")[0])):
            self._check_symbol(f"{path}::{span.partition('::')[2]}")
        elif self._is_said(span) or self._is_command(span):
            return
        elif " " in span or not (names := _PLAIN.findall(span)):
            raise Invented(f"`{span[:80]}`, which stands in none of its files and is no command of the repository")
        elif re.search(r"[/\\]|\.\w+$", span) and not _NAME.fullmatch(span):
            raise Invented(f"the file {span!r}")
        else:
            for name in names:
                self._check_name(name)

    def _check_name(self, name: str) -> None:
        for part in _PLAIN.findall(name):
            if part in _ALWAYS or part in self._words:
                continue
            if path := self._tree.definer(part):
                self._path(path)
            else:
                raise Invented(f"the name {part!r}")

    def _path(self, text: str) -> str:
        """The file or folder that is meant, from now on one of those that the claim is about."""
        path = self._resolved(text)
        if path is None:
            raise Invented(f"the path {text!r}")
        if path in self._tree.paths and path not in self._found.paths:
            self._found.paths.append(path)
            self.__dict__.pop("_words", None)
        return path

    def _resolved(self, text: str) -> str | None:
        """A path from the root, or the only one that ends so; a folder too."""
        wanted = text.strip().removeprefix("./").rstrip("/.")
        if not wanted:
            return None
        if wanted in self._tree.paths or any(path.startswith(wanted + "/") for path in self._tree.paths):
            return wanted
        ends = [path for path in self._tree.paths if path.endswith("/" + wanted)]
        return ends[0] if len(ends) == 1 and "." in wanted else None

    def _is_said(self, words: str) -> bool:
        wanted = _spaced(words)
        return any(_has(_spaced(self._tree.read(path)), wanted) for path in self._found.paths)

    def _is_command(self, line: str) -> bool:
        """One that the repository itself uses, and whose files are there."""
        wanted, tree = _spaced(line).removeprefix("$ "), self._tree
        if " " not in wanted and "/" not in wanted:
            return False
        test = _spaced(tree.test_command or "")
        known = wanted == test or any(wanted in _spaced(tree.read(path)) for path in tree.documents)
        words = wanted.split()
        if not known and words[0] == "make" and len(words) == 2:
            known = any(
                words[1] in target.split()
                for path in tree.documents
                if path.rpartition("/")[2].lower() in ("makefile", "gnumakefile")
                for target in _MAKE.findall(tree.read(path))
            )
        if not known and test and wanted.startswith(f"{test} "):
            known = all(self._resolved(word.partition("::")[0]) for word in wanted[len(test) :].split())
        return known

    @cached_property
    def _words(self) -> set[str]:
        """All words of the files that the claim is about, and of their names."""
        texts = [self._tree.read(path) for path in self._found.paths] + self._found.paths
        return {word for text in texts for word in _PLAIN.findall(text)}

    @cached_property
    def _endings(self) -> frozenset[str]:
        return frozenset(path.rpartition(".")[2] for path in self._tree.paths if "." in path.rpartition("/")[2])


def _files_in(text: str, endings: frozenset[str]) -> Iterator[str]:
    """What reads like a path, in backticks or not."""
    text = _URL.sub(" ", text)
    for span in _SPAN.findall(text):
        if " " not in span and ("/" in span or span.rpartition(".")[2] in endings) and re.fullmatch(r"[\w./@-]+", span):
            yield span
    prose = _QUOTED.sub(" ", _SPAN.sub(" ", text))
    for match in _SLASHED.finditer(prose):
        yield match[0].rstrip(".,;:")
    for match in _FILE.finditer(_SLASHED.sub(" ", prose)):
        if match[1] in endings:
            yield match[0]


def _names_in(prose: str, endings: frozenset[str]) -> Iterator[str]:
    """What reads like a name of code in words that are not in backticks."""
    prose = _SLASHED.sub(" ", prose)
    prose = _FILE.sub(lambda match: " " if match[1] in endings else match[0], prose)
    for match in _NAME.finditer(prose):
        if match[0] not in _ABBREVIATIONS:
            yield match[0].rstrip("(")
    for match in _NAMED.finditer(prose):
        if match[1] or (match[2] not in _BETWEEN and not _BENT.fullmatch(match[2])):
            yield match[2]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _has(text: str, words: str) -> bool:
    """Whether the words stand in the text, not as a part of longer ones."""
    begin = r"(?<!\w)" if words[:1].isalnum() else ""
    end = r"(?!\w)" if words[-1:].isalnum() else ""
    return bool(words) and re.search(begin + re.escape(words) + end, text) is not None
