"""The first pass: what can be seen without a model. Notes on the files that matter, and on the repository as a whole.

A file has two notes at most: what it is, true of its own content; and what it hangs together with, true of the content
of those files too.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from agent.own_code import is_own_path
from memory.records import Anchor, Note
from sleeptime.file_facts import MOST_SIGNATURES, FileTies, file_text, purpose, ties_text
from sleeptime.records import Item, item_key
from sleeptime.repository_facts import Fact, repository_facts
from sleeptime.study import Findings, Study
from sleeptime.ties import Ties

VERSION = 1
"""Raised where the same inputs give other notes."""
MOST_FILES = 500
"""The files that are most likely to be asked about have notes; the others are found by the map and by search."""
_MOST_SHOWN = 3  # users, and files that change together
_MOST_TESTS = 2
_HOT = 6
_SUBJECTS = 60

_LESS_TELLING = re.compile(r"^\s*(?:async )?(?:def|class|fn|func|function)?\s*_|^\w+(?:: [^=]+)? = ")
"""Private names, and values."""

Think = Callable[[Study], tuple[Note, ...]]


class Survey:
    """What was seen is kept from `items` to `work`."""

    name = "survey"

    def __init__(self) -> None:
        self._seen: Study | None = None
        self._items: list[Item] = []
        """Of the study that was seen."""
        self._thoughts: dict[str, Think] = {}
        """What to do for an item, by its key."""

    def items(self, study: Study) -> list[Item]:
        """Two for each file that matters, and a few for the repository."""
        if self._seen is not study:
            self._thoughts = {}
            self._items = list(self._look(study))
            self._seen = study
        return self._items

    def work(self, item: Item, study: Study) -> Findings:
        return Findings(notes=self._thoughts[item.key](study))

    def _look(self, study: Study) -> Iterator[Item]:
        overview = study.overview
        ties = Ties(overview.table)
        place = {path: index for index, path in enumerate(overview.table.paths)}
        defining = set(overview.table.definition_file.tolist())
        best = sorted(overview.use, key=lambda path: (-overview.use[path], path))
        for path in [path for path in best if _is_writable(path)][:MOST_FILES]:
            study.go_on()
            if place[path] in defining:
                yield self._what_it_is(path, place[path], study)
            yield from self._what_with(path, place[path], ties, study)
        for fact in self._facts(study):
            yield self._of_repository(fact, study)

    def _what_it_is(self, path: str, index: int, study: Study) -> Item:
        own = study.anchor(path)
        item = self._item(path, "what it is", study.overview.use[path], (own,), [path, own.blob])
        self._thoughts[item.key] = lambda study: (_describe(own, index, study),)
        return item

    def _what_with(self, path: str, index: int, ties: Ties, study: Study) -> Iterator[Item]:
        found = _ties(path, index, ties, study)
        text = ties_text(path, found)
        if not text:
            return
        shown = [path, *(user.path for user in found.users[:_MOST_SHOWN]), *found.tests]
        anchors = tuple(study.anchor(each) for each in dict.fromkeys(shown))
        words = [text, *(word for anchor in anchors for word in (anchor.path, anchor.blob))]
        item = self._item(path, "what it hangs together with", study.overview.use[path] / 2, anchors, words)
        self._thoughts[item.key] = lambda study: (_note(text, anchors, "symbols and history"),)
        yield item

    def _facts(self, study: Study) -> Iterator[Fact]:
        paths = [blob.path for blob in study.files if is_own_path(blob.path)]
        log = ("log", f"--max-count={_SUBJECTS}", "--no-merges", "--format=%s")
        subjects = study.repository.git(*log) if study.head else b""

        def read(path: str) -> bytes:
            return study.repository.contents([study.blobs[path]])[0]

        yield from repository_facts(paths, read, study.test_command, subjects.decode("utf-8", "replace").splitlines())
        if hot := _hot_spots(study):
            yield hot

    def _of_repository(self, fact: Fact, study: Study) -> Item:
        anchors = tuple(study.anchor(path) for path in dict.fromkeys(fact.evidence))
        words = [fact.text, *(anchor.blob for anchor in anchors)]
        item = self._item(fact.about, "of the repository", 1.0, anchors, words)
        self._thoughts[item.key] = lambda study: (_note(fact.text, anchors, "file names, configuration and history"),)
        return item

    def _item(self, about: str, subject: str, use: float, anchors: tuple[Anchor, ...], words: list[str]) -> Item:
        return Item(
            pass_name=self.name,
            key=item_key(self.name, VERSION, [about, subject, *words]),
            about=about if subject == "of the repository" else f"{about}: {subject}",
            inputs=anchors,
            subject=subject,
            expected_use=use,
        )


def _describe(own: Anchor, index: int, study: Study) -> Note:
    table, ranking = study.overview.table, study.overview.ranking
    begin, end = np.searchsorted(table.definition_file, [index, index + 1]).tolist()
    signatures = {place: table.signatures[place] for place in range(begin, end)}
    public = [place for place, line in signatures.items() if not _LESS_TELLING.search(line)] or list(signatures)
    best = sorted(public, key=lambda place: (-ranking.definitions[place], place))[:MOST_SIGNATURES]
    content = study.repository.contents([own.blob])[0]
    shown = [signatures[place] for place in sorted(best)]
    text = file_text(own.path, purpose(content, own.path), shown, len(signatures) - len(shown))
    return _note(text, (own,), "its symbols")


def _note(text: str, anchors: tuple[Anchor, ...], source: str) -> Note:
    return Note(id="", text=text, origin="observed", anchors=anchors, source=source)


def _ties(path: str, index: int, ties: Ties, study: Study) -> FileTies:
    history = study.overview.history
    users = [user for user in ties.users(index) if _is_writable(user.path)]
    tests = study.overview.tests
    return FileTies(
        users=[user for user in users if user.path not in tests],
        tests=[user.path for user in users if user.path in tests][:_MOST_TESTS],
        together=history.together(path, study.blobs, _MOST_SHOWN),
        commits=history.commits[path],
    )


def _hot_spots(study: Study) -> Fact | None:
    """The files that change most, and those that the others use most."""
    overview = study.overview
    there = [path for path in overview.use if _is_writable(path)]
    changes = overview.history.churn
    changed = [path for path in there if overview.history.commits[path] > 1]
    churn = sorted(changed, key=lambda path: -changes[path])
    central = dict(zip(overview.table.paths, overview.ranking.files.tolist(), strict=True))
    used = sorted(there, key=lambda path: -central[path])
    if len(there) < 2 * _HOT:
        return None
    text = f"The files that the others use most: {', '.join(used[:_HOT])}."
    if churn:
        text += f" Those that change most at present: {', '.join(churn[:_HOT])}."
    return Fact("hot spots", text, tuple(dict.fromkeys([*used[:_HOT], *churn[:_HOT]])))


def _is_writable(path: str) -> bool:
    """Whether a note may name it: a path that is not UTF-8 is none that a person could type."""
    return path.isprintable() and len(path) < 250
