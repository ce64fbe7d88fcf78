"""A history is replayed, with a sleep now and then: what is recalled is true of the tree, at every commit."""

import random
from pathlib import Path

from memory.recall import Recalled
from sleeptime.passes.survey import Survey
from sleeptime.study import Study
from tests.sleeptime.desk import commit, git, open_desk, sleep_once

STEPS = 24


def a_step(repo: Path, step: int, chance: random.Random) -> None:
    """Something that happens in repositories."""
    name = f"part{chance.randrange(4)}.py"
    kind = chance.choice(["change", "change", "change", "add", "revert", "branch", "rename", "dirty"])
    if kind == "revert" and git(repo, "rev-list", "--count", "HEAD") > "3":
        git(repo, "revert", "--no-edit", "HEAD")
    elif kind == "branch":
        git(repo, "checkout", "--quiet", "-b", f"branch{step}", f"HEAD~{chance.randrange(2)}")
    elif kind == "rename" and (repo / name).exists():
        git(repo, "mv", name, f"moved{step}.py")
        git(repo, "commit", "--quiet", "--message", "move")
    else:
        text = f"class Part{step}Maker:\n    pass\n\n\ndef make_part_{step}(a):\n    return Part{step}Maker()\n"
        commit(repo, name, text)
        user = f"from part0 import make_part_{step}\n\n\ndef use_it_{step}():\n    return make_part_{step}(1)\n"
        if kind == "add":
            commit(repo, f"user{step}.py", user)
        if kind == "dirty":
            (repo / name).write_text(f"def make_dirty_{step}(a):\n    return a\n")
            git(repo, "commit", "--quiet", "--all", "--message", "clean again")


def is_true(recalled: Recalled, study: Study) -> bool:
    """Told by git and the files alone: the tree holds the evidence, and the definitions are in it."""
    listed = git(study.repository.root, "ls-files", "--stage").splitlines()
    held = {line.split()[1] for line in listed}
    note = recalled.note
    if not all(anchor.blob in held for anchor in note.anchors):
        return False
    if " defines: " not in note.text:
        return True
    content = " ".join((study.repository.root / recalled.anchors[0].path).read_text().split())
    signatures = note.text.partition(" defines: ")[2].split(" | ")
    return all(signature.startswith("and ") or signature.rstrip("…") in content for signature in signatures)


def test_no_stale_note_is_served_over_a_history(repo: Path) -> None:
    chance = random.Random(3)
    served = 0
    for step in range(STEPS):
        a_step(repo, step, chance)
        with open_desk(repo) as study:
            for asleep in (False, True):
                if asleep and step % 3 == 0:
                    sleep_once(study, Survey())
                recall = study.notes.recall("make_part Maker add double part user moved", most=20, budget=10_000)
                assert all(is_true(recalled, study) for recalled in recall.notes)
                served += len(recall.notes)
    assert served > STEPS
