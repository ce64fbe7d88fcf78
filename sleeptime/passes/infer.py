"""A served model reads the most promising files with what the survey knows, and says what will help: several drafts,
each claim compared with the repository by a program, what is left made one. What fails is dropped and counted.

Each claim is a note that is inferred: its evidence is the files that it names, as they were. Notes that a model made
are never shown to it again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.chat import Message
from agent.templates import render_from
from memory.errors import UserError
from memory.note_rules import MOST_ANCHORS
from memory.records import Anchor, Note, Tokens
from sleeptime.claims import Agreed, Claim, merged, read_claims
from sleeptime.records import Item, item_key
from sleeptime.snapshot_text import LONGEST, shortened, text_of, tree_of
from sleeptime.study import Findings, Study
from sleeptime.verification import Invented, Tree, Verified, verify

VERSION = 1
MOST_FILES = 200
DRAFTS = 3
"""Parallel ones; the paper finds five better than ten, and one request reads the file once for all of them."""
REPLY_TOKENS = 1_500
MOST_CLAIMS = 10
"""Of a draft, and of a file."""
_MOST_OF_KIND = {"purpose": 1, "invariant": 3, "pitfall": 3, "where-to-change": 3, "question": 3}
_TEMPERATURE = 0.8
_SMALLEST = 50  # bytes; less is known from its symbols
_BYTES_PER_TOKEN = 3
_BEFORE_QUESTION = 6_000  # characters of a file, after which a question is more or less predictable
_QUESTION_TOKENS = _BEFORE_QUESTION // _BYTES_PER_TOKEN + 200  # to ask that of one
_FRAME_TOKENS = 700  # of the prompt around the file
_MOST_KNOWN = 6  # notes of the survey that are shown
_PROMPTS = Path(__file__).parent.parent / "prompts"


class Infer:
    """Implements `sleeptime.study.Pass`."""

    name = "infer"

    def items(self, study: Study) -> Iterator[Item]:
        """One for each of the files that are most likely to be asked about; none without a served model."""
        if study.model is None:
            return
        use = study.overview.use
        best = sorted(use, key=lambda path: (-use[path], path))[:MOST_FILES]
        sizes = study.repository.sizes([study.blobs[path] for path in best]) if best else []
        for path, size in zip(best, sizes, strict=True):
            study.go_on()
            if size < _SMALLEST or not path.isprintable():
                continue
            anchor = study.anchor(path)
            prompt = min(size, LONGEST) // _BYTES_PER_TOKEN + _FRAME_TOKENS
            yield Item(
                pass_name=self.name,
                key=item_key(self.name, VERSION, [path, anchor.blob]),
                about=path,
                inputs=(anchor,),
                expected_use=use[path],
                # An endpoint that gives one answer a request reads the prompt for each.
                estimated_tokens=DRAFTS * (2 * prompt + REPLY_TOKENS) + _MOST_OF_KIND["question"] * _QUESTION_TOKENS,
            )

    def work(self, item: Item, study: Study) -> Findings:
        """Ask, compare, keep. Stopped where it is time to give way; ModelError where the endpoint fails."""
        assert study.model is not None
        replies = study.model.sample(
            self._prompt(item.about, study),
            n=DRAFTS,
            temperature=_TEMPERATURE,
            max_tokens=REPLY_TOKENS,
            watch=lambda live: not study.stop(),
        )
        study.go_on()
        if not replies:
            raise UserError("The model was not asked: a limit of this sleep or of the day is reached.")
        tree = tree_of(study)
        dropped: list[str] = []
        drafts: list[list[Claim]] = []
        verified: dict[Claim, Verified] = {}
        for reply in replies:
            claims, problems = read_claims(reply.text, item.about)
            dropped += problems
            drafts.append([claim for claim in claims if _holds(claim, item.about, tree, verified, dropped)])
        agreed = _best(merged(drafts))
        notes = [_note(each, verified[each.claim], item.about, len(drafts), study) for each in agreed]
        notes, asking = _foreseen(notes, item.about, study)
        tokens = sum((reply.tokens for reply in replies), asking)
        return Findings(notes=_with_cost(notes, tokens), tokens=tokens, dropped=tuple(dropped))

    def _prompt(self, path: str, study: Study) -> list[Message]:
        content = text_of(study, path)
        shown = shortened(content)
        asked = render_from(
            _PROMPTS,
            "infer",
            path=path,
            content=shown,
            cut=shown != content,
            known=_known(path, study),
            most=MOST_CLAIMS,
        )
        return [Message("system", render_from(_PROMPTS, "infer_system")), Message("user", asked)]


def _holds(claim: Claim, about: str, tree: Tree, verified: dict[Claim, Verified], dropped: list[str]) -> bool:
    try:
        verified[claim] = verify(claim, about, tree)
    except Invented as problem:
        dropped.append(f"{claim.kind} of {about}: {problem}")
        return False
    return True


def _best(agreed: Sequence[Agreed]) -> list[Agreed]:
    """Of each kind only so many, those that most drafts agree on."""
    left = dict(_MOST_OF_KIND)
    best = []
    for each in agreed:
        if left[each.claim.kind] > 0:
            left[each.claim.kind] -= 1
            best.append(each)
    return best[:MOST_CLAIMS]


def _note(agreed: Agreed, verified: Verified, about: str, drafts: int, study: Study) -> Note:
    claim = agreed.claim
    symbols: dict[str, str] = {}
    for path, name in verified.symbols:
        symbols.setdefault(path, name)
    anchors: list[Anchor] = [study.anchor(path, symbols.get(path)) for path in verified.paths[:MOST_ANCHORS]]
    text = claim.text if claim.kind == "question" else f"{about}, {claim.kind.replace('-', ' ')}: {claim.text}"
    votes = f"{len(agreed.drafts)} of {drafts} drafts say so"
    return Note(
        id="",
        text=text,
        kind="question" if claim.kind == "question" else "fact",
        origin="inferred",
        anchors=tuple(anchors),
        source=f"the model {study.model.name if study.model else ''}",
        checks=(*verified.checks, votes),
    )


def _foreseen(notes: Sequence[Note], path: str, study: Study) -> tuple[list[Note], Tokens]:
    """The notes, the questions among them with how predictable they are, and what it cost to ask that."""
    assert study.model is not None
    before = f"{path}\n\n{text_of(study, path)[:_BEFORE_QUESTION]}\n\nA question about {path}: "
    found, tokens = [], Tokens()
    for note in notes:
        if note.kind == "question":
            predicted = study.model.predictability(before, note.text, lambda live: not study.stop())
            study.go_on()
            if predicted:
                note = note.model_copy(update={"predictability": predicted.nats})
                tokens += predicted.tokens
        found.append(note)
    return found, tokens


def _with_cost(notes: Sequence[Note], tokens: Tokens) -> tuple[Note, ...]:
    """What the item has cost, shared out among its notes, the rest and the call to the first."""
    if not notes:
        return ()
    share = Tokens(prompt=tokens.prompt // len(notes), completion=tokens.completion // len(notes))
    rest = Tokens(
        prompt=tokens.prompt - share.prompt * len(notes),
        completion=tokens.completion - share.completion * len(notes),
        calls=tokens.calls,
    )
    return tuple(
        note.model_copy(update={"cost": share + rest if index == 0 else share}) for index, note in enumerate(notes)
    )


def _known(path: str, study: Study) -> str:
    """What programs have found out about the file, as it is now."""
    log = study.notes.log
    found = []
    for note in log.notes(log.search(path, 4 * _MOST_KNOWN)):
        is_live = all(study.blobs.get(anchor.path) == anchor.blob for anchor in note.anchors)
        if note.origin == "observed" and is_live and any(anchor.path == path for anchor in note.anchors):
            found.append(note.text)
    return "\n".join(sorted(found)[:_MOST_KNOWN])
