"""Which candidates are the same patch, and which patch wins. Pure.

`consensus` is the one definition of majority: it ranks the groups here, and rewards candidates elsewhere.
"""

import ast
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from memory.records import Candidate, Vote

_HOSTILE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What `ast` raises on text that is no Python, holds NUL, nests too deeply, or has huge numbers."""


@dataclass(frozen=True)
class FileChange:
    """One file before and after; None where it does not exist."""

    path: str
    old: bytes | None
    new: bytes | None


def fingerprint(changes: Sequence[FileChange]) -> str:
    """16 hex digits, equal for two patches of one tree that make the same change; empty where nothing changes.

    As step 8 of Agentless (arXiv 2407.01489): Python files count by their syntax tree, without comments and docstrings;
    whatever does not parse, and other text, by its lines with whitespace normalised (indentation counts); binary files
    by their bytes. A patch that changes nothing but comments or docstrings counts by its lines. Both sides are hashed
    where Agentless hashes their diff: the same equality for patches of one tree, in linear time.
    """
    differences = _differences(changes, _normalise) or _differences(changes, _normalise_text)
    if not differences:
        return ""
    return hashlib.sha256(json.dumps(sorted(differences, key=itemgetter(0))).encode()).hexdigest()[:16]


def _differences(
    changes: Sequence[FileChange], normalise: Callable[[str, bytes | None], str | None]
) -> list[tuple[str, str | None, str | None]]:
    """(path, old, new) of the files that differ after normalisation."""
    pairs = (
        (change.path, normalise(change.path, change.old), normalise(change.path, change.new)) for change in changes
    )
    return [(path, old, new) for path, old, new in pairs if old != new]


def _normalise(path: str, data: bytes | None) -> str | None:
    """The program without comments, docstrings and layout where it is Python that parses, else the normalised text."""
    if data is not None and path.endswith((".py", ".pyi")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the escapes in the user's strings
                return ast.unparse(_without_docstrings(ast.parse(data)))
        except _HOSTILE:
            pass
    return _normalise_text(path, data)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *rest]:
                    node.body = rest or [ast.Pass()]
    return tree


def _normalise_text(path: str, data: bytes | None) -> str | None:
    """Lines with their indentation and single spaces between words, blank ones dropped; binary data as it is."""
    if data is None:
        return None
    if b"\0" in data:
        return data.decode("latin-1")
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    return "\n".join(line[: -len(line.lstrip())] + " ".join(line.split()) for line in lines if line.strip())


def consensus(fingerprints: Sequence[str | None]) -> Vote:
    """Plurality: the fingerprint that occurs most often wins, ties go to the earliest.

    None (or an empty fingerprint) is an abstention: it counts in the denominator of the agreement and never wins.
    """
    counts = Counter(filter(None, fingerprints))
    abstentions = len(fingerprints) - counts.total()
    if not counts:
        return Vote(winner=None, votes=0, agreement=0.0, abstentions=abstentions)
    # The first of equals is the one that was counted first.
    winner, votes = max(counts.items(), key=itemgetter(1))
    return Vote(
        winner=fingerprints.index(winner),
        votes=votes,
        agreement=votes / len(fingerprints),
        abstentions=abstentions,
    )


def rank(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Groups of voting candidates with one fingerprint, as positions: most votes first, then the earliest.

    `candidates` are in the order of sampling. The first group is the consensus, the second is what would be without it.
    """
    left = _votes(candidates)
    groups: list[list[int]] = []
    while (winner := consensus(left).winner) is not None:
        groups.append([position for position, vote in enumerate(left) if vote == left[winner]])
        left = [None if vote == left[winner] else vote for vote in left]
    return groups


def choose(candidates: Sequence[Candidate]) -> Vote:
    """The winner: passes the check, then has the most votes, then is the earliest.

    A group has the check of its first candidate that has one. Unchecked stands below passed and above failed.
    """
    majority = consensus(_votes(candidates))
    if majority.winner is None:
        return majority
    best = min(rank(candidates), key=lambda group: _standing([candidates[position] for position in group]))
    return Vote(
        winner=best[0],
        votes=len(best),
        agreement=len(best) / len(candidates),
        abstentions=majority.abstentions,
    )


def _votes(candidates: Sequence[Candidate]) -> list[str | None]:
    return [candidate.fingerprint if candidate.abstained is None else None for candidate in candidates]


def _standing(group: Sequence[Candidate]) -> int:
    """0 passed, 1 unchecked, 2 failed."""
    check = next((candidate.check for candidate in group if candidate.check is not None), None)
    if check is None:
        return 1
    return 0 if check.passed else 2
