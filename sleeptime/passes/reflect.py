"""Finished tasks and what became of them → lessons, with the experience as evidence.

What happened is told without a model. A model, where there is one, says what it teaches: in its own words, which may
only name what stands in the experience. A lesson is bound to the files that the task was about, as they are now, and is
told anew when they have changed; a model is not asked again for that.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.chat import Message, count_prompt
from agent.checks import is_test_file
from agent.errors import ModelError
from agent.templates import render_from
from memory.records import Anchor, Candidate, Experience, Note, Outcome, Tokens
from sleeptime.lessons import MOST_FILES, changes, lesson
from sleeptime.note_words import words_of
from sleeptime.records import Item, item_key
from sleeptime.study import Findings, Study

VERSION = 1
MOST_EXPERIENCES = 100
MOST_ASKED = 20
"""Of the newest tasks a model is asked what they teach."""
_FADES = 0.97
"""What a lesson is less likely to be of use than that of the next task."""
_PROMPTS = Path(__file__).parent.parent / "prompts"
_LONGEST_PATCH = 4_000
_LONGEST_OUTPUT = 2_000
_LONGEST_LESSON = 600
_REPLY_TOKENS = 300
_NOTHING = "NOTHING"


class Reflect:
    name = "reflect"

    def __init__(self) -> None:
        self._told: dict[str, Note] = {}
        """What needs no model, by the key of its item."""
        self._asked: dict[str, tuple[Experience, str]] = {}
        """What a model is asked about, with what is told of it already."""

    def items(self, study: Study) -> Iterator[Item]:
        """One for each task that taught something, of equal tasks for the last; told anew where its files changed."""
        self._told, self._asked = {}, {}
        thought = {note.source: note for note in study.notes.log.notes() if note.kind == "lesson"}
        seen: set[tuple[str, str]] = set()
        for age, experience in enumerate(study.experiences.latest(MOST_EXPERIENCES)):
            study.go_on()
            same = (" ".join(experience.task.request.split()).casefold(), experience.patch)
            if same in seen or _is_own_output(experience):
                continue
            seen.add(same)
            outcomes = study.experiences.outcomes(experience.id)
            text = lesson(experience, outcomes)
            anchors = _anchors(experience, study) if text else ()
            if not anchors:
                continue
            yield self._telling(experience, text, anchors, _FADES**age)
            known = thought.get(_source(experience, outcomes))
            if known or (study.model and age < MOST_ASKED):
                yield self._asking(experience, outcomes, text, anchors, known, _FADES**age / 2)

    def work(self, item: Item, study: Study) -> Findings:
        if item.key in self._told:
            return Findings(notes=(self._told[item.key],))
        experience, told = self._asked[item.key]
        return _ask(experience, told, item.inputs, study)

    def _telling(self, experience: Experience, text: str, anchors: tuple[Anchor, ...], use: float) -> Item:
        key = item_key(self.name, VERSION, [experience.id, text, *_words(anchors)])
        source = f"experience {experience.id}"
        self._told[key] = Note(id="", text=text, kind="lesson", origin="observed", anchors=anchors, source=source)
        return self._item(key, f"the run {experience.id}", experience, anchors, use, 0)

    def _asking(
        self,
        experience: Experience,
        outcomes: list[Outcome],
        told: str,
        anchors: tuple[Anchor, ...],
        known: Note | None,
        use: float,
    ) -> Item:
        source = _source(experience, outcomes)
        key = item_key(self.name, VERSION, ["model", source, *_words(anchors)])
        about = f"what the run {experience.id} teaches"
        if known:
            self._told[key] = known.model_copy(update={"id": "", "revision": 1, "anchors": anchors, "cost": Tokens()})
            return self._item(key, about, experience, anchors, use, 0)
        self._asked[key] = experience, told
        tokens = count_prompt(_prompt(experience, told)) + _REPLY_TOKENS
        return self._item(key, about, experience, anchors, use, tokens)

    def _item(
        self, key: str, about: str, experience: Experience, anchors: tuple[Anchor, ...], use: float, tokens: int
    ) -> Item:
        return Item(
            pass_name=self.name,
            key=key,
            about=about,
            inputs=anchors,
            subject=experience.id,
            expected_use=use,
            estimated_tokens=tokens,
        )


def _ask(experience: Experience, told: str, anchors: tuple[Anchor, ...], study: Study) -> Findings:
    """A model's lesson, where it names nothing that does not stand in the experience."""
    assert study.model
    prompt = _prompt(experience, told)
    replies = study.model.sample(prompt, temperature=0.3, max_tokens=_REPLY_TOKENS, watch=lambda live: not study.stop())
    study.go_on()
    if not replies:
        raise ModelError("The model may be asked no more within the budget of this sleep.")
    tokens = sum((reply.tokens for reply in replies), Tokens())
    said = replies[0].text.strip()
    if said.strip("`. ").upper() == _NOTHING:
        return Findings(tokens=tokens)
    material = "\n".join(message.content for message in prompt)
    if problem := _problem(said, material, replies[0].was_cut):
        return Findings(tokens=tokens, dropped=(f"the lesson of {experience.id}: {problem}",))
    note = Note(
        id="",
        text=said,
        kind="lesson",
        origin="inferred",
        anchors=anchors,
        source=_source(experience, study.experiences.outcomes(experience.id)),
        checks=("all that it names stands in the experience",),
        cost=tokens,
    )
    return Findings(notes=(note,), tokens=tokens)


def _problem(said: str, material: str, was_cut: bool) -> str | None:
    """Why a model's lesson is not kept."""
    if not said or was_cut or len(said) > _LONGEST_LESSON:
        return "it is empty, cut or too long"
    invented = sorted(word for word in words_of(said).code if word not in material)
    return f"it names {invented[0]!r}, which stands nowhere in the experience" if invented else None


def _prompt(experience: Experience, told: str) -> list[Message]:
    winner = None if experience.vote.winner is None else experience.candidates[experience.vote.winner]
    check = winner.check if winner else None
    others = [
        each for each in experience.candidates if each.check and winner and each.fingerprint != winner.fingerprint
    ]
    other = min(others, key=_passed, default=None)  # one that failed says more
    asked = render_from(
        _PROMPTS,
        "reflect",
        request=experience.task.request[:_LONGEST_OUTPUT],
        told=told,
        patch=winner.patch[:_LONGEST_PATCH] if winner else "",
        other=other.patch[: _LONGEST_PATCH // 2] if other else "",
        other_passed=other is not None and _passed(other),
        output=check.tests.output[-_LONGEST_OUTPUT:] if check and check.tests and not check.passed else "",
        nothing=_NOTHING,
    )
    return [Message("user", asked)]


def _passed(candidate: Candidate) -> bool:
    return candidate.check is not None and candidate.check.passed


def _source(experience: Experience, outcomes: list[Outcome]) -> str:
    """Where a model's lesson comes from: another outcome makes another lesson."""
    kinds = ", ".join(outcome.kind for outcome in outcomes)
    return f"what a model made of experience {experience.id} ({kinds or 'no outcome'})"


def _words(anchors: tuple[Anchor, ...]) -> list[str]:
    return [word for anchor in anchors for word in (anchor.path, anchor.blob)]


def _is_own_output(experience: Experience) -> bool:
    """Whether it was solved by what sleep had worked out: nothing new is learned from that."""
    return "propose" not in experience.seconds


def _anchors(experience: Experience, study: Study) -> tuple[Anchor, ...]:
    """The files that its candidates changed, the winner's first, as far as they are still there."""
    assert experience.vote.winner is not None
    order = [experience.candidates[experience.vote.winner], *experience.candidates[:20]]
    paths = [change.partition(" (")[0] for candidate in order for change in changes(candidate.patch)]
    there = [path for path in dict.fromkeys(paths) if path in study.blobs]
    return tuple(study.anchor(path) for path in sorted(there, key=is_test_file)[:MOST_FILES])
