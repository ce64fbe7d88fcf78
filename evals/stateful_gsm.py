"""Stateful GSM-Symbolic (arXiv 2504.13171, section 5.1) from a local copy of GSM-Symbolic's file, with any endpoint.

All sentences of a problem but the question are its context, which the sleeper sees beforehand: it writes k independent
notes, and all of them stand in the prompt when the question comes. Nothing of the data, whose licence allows no derived
copy, is kept beside the answers' numbers.

The released splitter cuts at every full stop: it breaks decimals ("2. 5") and abbreviations, and takes for the question
whatever comes last. `exact` cuts between sentences and takes everything from the last question on; `released` does what
the released one does, to compare with numbers that were made with it. `Split` counts where they differ.

Other than there: a sleep is one completion and no loop of tool calls, and the verbosity is asked for in our words.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from agent.chat import Message, Reply
from agent.templates import render_from
from evals.errors import DatasetError
from evals.sleep_trials import Slept, Trial
from memory.records import Record, Tokens

Splitter = Literal["exact", "released"]

VERBOSITIES = (0, 1, 2, 3, 4)
DRAFTS = (0, 1, 2, 5)
"""Parallel sleeps; 0 is the run without."""
LONGEST_DRAFT = 5_000  # characters, as in the released code
_SLEEP_TOKENS, _ANSWER_TOKENS = 2_048, 1_024
_ABBREVIATION = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|St|Prof|Jr|Sr|vs|etc|approx|No|e\.g|i\.e)|\b[A-Z])\.$")
_BOUNDARY = re.compile(r"(?<=[.?!])[\"')\]]*\s+(?=[\"'(\[$]?[A-Z0-9])")
_NUMBER = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")

_HERE = Path(__file__).parent


class Model(Protocol):
    """A served model, as agent/openai_model.py has it."""

    def sample(
        self, messages: Sequence[Message], *, n: int = 1, temperature: float = 1.0, max_tokens: int = 4096
    ) -> list[Reply]: ...


class Problem(Record):
    """One row of the file, cut in two."""

    id: str
    context: str
    question: str
    answer: str


class Split(NamedTuple):
    """What cutting a file came to."""

    problems: tuple[Problem, ...]
    without_context: int
    """Rows of a single sentence: nothing to sleep on, left out."""
    differing: int
    """Rows that the released splitter cuts otherwise."""
    without_question_mark: int
    """Rows whose question does not end in "?"; they are kept."""


def load(path: Path, splitter: Splitter = "exact", limit: int | None = None) -> Split:
    """The problems of a file of JSON lines with `question` and `answer`, the first `limit`. Raises DatasetError."""
    problems = []
    without_context = differing = unmarked = 0
    for row in _rows(path):
        cuts = {"exact": split(row.question), "released": released_split(row.question)}
        context, question = cuts[splitter]
        if not context:
            without_context += 1
            continue
        differing += _compared(cuts["exact"]) != _compared(cuts["released"])
        unmarked += not question.rstrip().endswith("?")
        problems.append(Problem(id=row.id, context=context, question=question, answer=row.answer))
        if len(problems) == limit:
            break
    if not problems:
        raise DatasetError(f"{str(path)!r} has no problem with a context and a question.")
    return Split(tuple(problems), without_context, differing, unmarked)


def split(text: str) -> tuple[str, str]:
    """Context and question: everything before the last question, and from there on; else the last sentence."""
    sentences = _sentences(" ".join(text.split()))
    asked = [place for place, sentence in enumerate(sentences) if "?" in sentence]
    place = asked[-1] if asked else len(sentences) - 1
    return " ".join(sentences[:place]), " ".join(sentences[place:])


def released_split(text: str) -> tuple[str, str]:
    """As the released code cuts: at every full stop, the last piece is the question."""
    pieces = [piece.strip() for piece in text.split(".") if piece.strip()]
    context = ". ".join(pieces[:-1])
    return (f"{context}." if context else ""), pieces[-1] if pieces else ""


def right_answer(text: str) -> str:
    """What stands after the last ####."""
    return _plain(text.rpartition("####")[2])


def said_answer(text: str) -> str:
    """The last number of a text, as the released code reads it; empty where there is none."""
    found = _NUMBER.findall(text)
    return _plain("".join(found[-1])) if found else ""


def ask(
    problems: Sequence[Problem],
    model: Model,
    verbosities: Sequence[int] = VERBOSITIES,
    drafts: Sequence[int] = DRAFTS,
) -> Iterator[Trial | Slept]:
    """Sleep on each context and ask its question, at every verbosity; the run without sleep comes first."""
    for problem in problems:
        notes, slept = _sleep(problem, model, max(drafts))
        for k in sorted(set(drafts)):
            if k:
                yield slept[k - 1]
            for verbosity in verbosities:
                yield _answered(problem, notes[:k], verbosity, model)


def arm(drafts: int) -> str:
    """What a run with so many sleeps is called."""
    return f"k={drafts}" if drafts else "without"


class _Row(NamedTuple):
    id: str
    question: str
    answer: str


def _rows(path: Path) -> Iterator[_Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            id = f"{row.get('id', number)}-{row.get('instance', 0)}"
            yield _Row(id, str(row["question"]), right_answer(str(row["answer"])))
        except (ValueError, KeyError, AttributeError) as error:
            raise DatasetError(f"Line {number} of {str(path)!r} is no row of GSM-Symbolic: {error!r}.") from error


def _sentences(text: str) -> list[str]:
    found, begin = [], 0
    for boundary in _BOUNDARY.finditer(text):
        if not _ABBREVIATION.search(text[begin : boundary.start()]):
            found.append(text[begin : boundary.end()].strip())
            begin = boundary.end()
    return [*found, text[begin:].strip()] if text[begin:].strip() else found


def _compared(cut: tuple[str, str]) -> list[str]:
    """Without the last full stop, which the released splitter takes away and puts back."""
    return [" ".join(part.split()).rstrip(".") for part in cut]


def _plain(number: str) -> str:
    return number.strip().replace("$", "").replace(",", "").rstrip(".")


def _sleep(problem: Problem, model: Model, k: int) -> tuple[list[str], list[Slept]]:
    """k notes on the context, each of a sleep of its own, and what the first 1, 2, … k of them took."""
    if not k:
        return [], []
    began = time.monotonic()
    prompt = [Message("user", render_from(_HERE, "gsm_sleep", context=problem.context))]
    replies = model.sample(prompt, n=k, temperature=1.0 if k > 1 else 0.0, max_tokens=_SLEEP_TOKENS)
    seconds = time.monotonic() - began
    read = max(reply.tokens.prompt for reply in replies)
    slept = [
        Slept(
            scene=problem.id,
            arm=arm(count),
            notes=count,
            prompt=read * count,  # k sleeps read it k times, whatever a server shares
            completion=sum(reply.tokens.completion for reply in replies[:count]),
            seconds=seconds * count / k,
        )
        for count in range(1, len(replies) + 1)
    ]
    return [reply.text[:LONGEST_DRAFT] for reply in replies], slept


def _answered(problem: Problem, notes: Sequence[str], verbosity: int, model: Model) -> Trial:
    began = time.monotonic()
    values = {"context": problem.context, "question": problem.question, "notes": list(notes), "verbosity": verbosity}
    prompt = [Message("user", render_from(_HERE, "gsm_answer", **values))]
    replies = model.sample(prompt, n=1, temperature=0.0, max_tokens=_ANSWER_TOKENS)
    tokens = sum((reply.tokens for reply in replies), Tokens())
    said = said_answer(replies[0].text) if replies else ""
    return Trial(
        question=problem.id,
        scene=problem.id,
        arm=arm(len(notes)),
        budget=verbosity,
        score=float(said == problem.answer),
        prompt=tokens.prompt,
        completion=tokens.completion,
        seconds=time.monotonic() - began,
    )
