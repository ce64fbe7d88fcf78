"""The vectors of the notes: always those of the record, whoever writes, reads, is killed, or damages the folder."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from memory.embedding import HashingEmbedder, Vectors
from memory.errors import EmbeddingError, StoreError
from memory.home import MemoryHome
from memory.index_access import IndexAccess
from memory.index_folder import IndexFailure, IndexFolder
from memory.note_log import NoteLog
from memory.records import Note
from tests.memory.note_examples import anchor, note

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "repo" / ".git")


@pytest.fixture
def log(home: MemoryHome) -> Iterator[NoteLog]:
    with NoteLog(home.notes, home.index) as opened:
        yield opened


def some_notes(count: int, seed: str = "") -> list[Note]:
    chance = random.Random(seed)
    return [
        note(" ".join(f"word{chance.randrange(5000)}" for _ in range(8)), anchors=(anchor(),)) for _ in range(count)
    ]


def nearest(index: IndexAccess, text: str, limit: int) -> list[str]:
    return [found.id for found in index.nearest(text, limit)]


def missing(home: MemoryHome, notes: Sequence[Note]) -> list[str]:
    """Ids that are not the nearest to their own text."""
    with IndexAccess(home, HashingEmbedder()) as index:
        return [each.id for each in notes if each.id not in nearest(index, each.text + "\nsrc/parser.py ", 5)]


def test_every_note_is_found_by_its_own_words(home: MemoryHome, log: NoteLog) -> None:
    notes = some_notes(250)
    log.add(notes)
    assert missing(home, notes) == []


def test_an_open_index_follows_the_record(home: MemoryHome, log: NoteLog) -> None:
    old, gone, new = note("Bananas are yellow."), note("Bananas are blue."), note("Bananas are curved.")
    log.add([old, gone])
    with IndexAccess(home, HashingEmbedder()) as index:
        assert set(nearest(index, "bananas", 9)) == {old.id, gone.id}
        log.forget([gone.id], by="user-said")
        log.add([new])
        log.edit(old.model_copy(update={"text": "Something about parsers."}), seen=1, by="user-said")
        assert set(nearest(index, "bananas", 9)) == {old.id, new.id}
        assert nearest(index, "parsers", 1) == [old.id]


def test_catching_up_may_be_left_for_later(home: MemoryHome, log: NoteLog) -> None:
    log.add(some_notes(500))
    with IndexAccess(home, HashingEmbedder()) as index:
        assert index.catch_up(most_new=200) is False
        assert index.count() == 200
        steps: list[tuple[int, int]] = []
        assert index.catch_up(progress=lambda done, total: steps.append((done, total))) is True
        assert steps == [(200, 300), (300, 300)]


def test_another_process_gets_the_folder_when_the_first_has_closed_it(home: MemoryHome, log: NoteLog) -> None:
    log.add(some_notes(1))
    with IndexAccess(home, HashingEmbedder()) as first:
        first.catch_up()
        with IndexAccess(home, HashingEmbedder()) as second:
            for use in (second.catch_up, lambda: second.nearest("anything", 1)):
                with pytest.raises(IndexFailure, match="^another process has the index open$"):
                    use()
    with IndexAccess(home, HashingEmbedder()) as third:
        assert third.count() == 1


def test_the_owner_answers_others_with_the_newest_notes(home: MemoryHome, log: NoteLog) -> None:
    with IndexAccess(home, HashingEmbedder()) as owner, owner.serving() as is_served:
        assert is_served
        written = note("Bananas are curved.")
        log.add([written])
        with IndexAccess(home, HashingEmbedder()) as other:
            assert nearest(other, "curved bananas", 3) == [written.id]


def test_who_cannot_open_the_index_does_not_keep_it(home: MemoryHome) -> None:
    home.notes.write_bytes(b"rubbish")
    with IndexAccess(home, HashingEmbedder()) as index:
        with pytest.raises(StoreError, match="is damaged"):
            nearest(index, "word", 1)
        with IndexFolder(home.index).locked() as is_free:
            assert is_free


class NoEmbedder(HashingEmbedder):
    """As one whose endpoint has gone."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise EmbeddingError("nobody answers")


def test_an_owner_that_cannot_embed_says_so_to_who_asks(
    home: MemoryHome, log: NoteLog, capfd: pytest.CaptureFixture[str]
) -> None:
    log.add(some_notes(1))
    with IndexAccess(home, NoEmbedder()) as owner, owner.serving(), IndexAccess(home, HashingEmbedder()) as other:
        with pytest.raises(IndexFailure, match="nobody answers"):
            nearest(other, "word", 1)
    assert "Traceback" not in capfd.readouterr().err


class OtherEmbedder(HashingEmbedder):
    """Meanings, as if a model had learned them; counts what it embeds."""

    name = "other"
    length = 64
    is_semantic = True

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded += len(texts)
        return super().embed(texts)


def test_another_embedder_embeds_all_notes_again_and_never_mixes(home: MemoryHome, log: NoteLog) -> None:
    notes = some_notes(30)
    log.add(notes)
    assert missing(home, notes) == []
    other = OtherEmbedder()
    with IndexAccess(home, other) as index:
        assert nearest(index, notes[3].text, 1) == [notes[3].id]
        assert index.count() == 30
    assert other.embedded == 31


def test_what_was_embedded_is_not_embedded_again_when_the_index_is_lost(home: MemoryHome, log: NoteLog) -> None:
    log.add(some_notes(250))
    with IndexAccess(home, OtherEmbedder()) as index:
        index.catch_up(most_new=200)  # and is then interrupted
    again = OtherEmbedder()
    with IndexAccess(home, again) as index:
        index.catch_up()
    assert again.embedded == 50
    shutil.rmtree(home.index)
    with IndexAccess(home, again) as index:
        index.catch_up()
        assert index.count() == 250
    assert again.embedded == 50


def test_a_question_in_another_space_is_refused_by_the_owner(home: MemoryHome, log: NoteLog) -> None:
    log.add(some_notes(1))
    with IndexAccess(home, HashingEmbedder()) as owner, owner.serving(), IndexAccess(home, OtherEmbedder()) as other:
        with (
            IndexAccess(home, OtherEmbedder()) as other,
            pytest.raises(IndexFailure, match="it holds vectors of hashing"),
        ):
            nearest(other, "word", 1)


def truncate_database(folder: Path) -> None:
    database = folder / "chroma.sqlite3"
    database.write_bytes(database.read_bytes()[:50_000])


def scribble_on_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"not a database at all" * 1000)


def lose_everything_but_the_database(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def tear_the_graph(folder: Path) -> None:
    for path in folder.glob("*/data_level0.bin"):
        path.write_bytes(path.read_bytes()[:1000])


def lose_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "damage",
    [truncate_database, scribble_on_database, lose_everything_but_the_database, tear_the_graph, lose_the_folder],
)
def test_a_damaged_index_is_made_again(home: MemoryHome, log: NoteLog, damage: object) -> None:
    assert callable(damage)
    notes = some_notes(60)
    log.add(notes)
    with IndexAccess(home, HashingEmbedder()) as index:
        index.catch_up()
    home.index.with_name("chroma.open").touch()  # as a killed owner leaves it
    damage(home.index)
    assert missing(home, notes) == []


def test_the_graph_on_disk_has_all_notes(home: MemoryHome, log: NoteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory.index_access.LONG_TAIL", 100)
    notes = some_notes(150)
    log.add(notes)
    with IndexAccess(home, HashingEmbedder()) as index:
        index.catch_up()
    assert list(home.index.glob("*/data_level0.bin"))
    assert missing(home, notes) == []


def test_the_folder_is_private(home: MemoryHome, log: NoteLog) -> None:
    log.add(some_notes(1))
    with IndexAccess(home, HashingEmbedder()) as index:
        index.catch_up()
        assert home.index.stat().st_mode & 0o777 == home.path.stat().st_mode & 0o777 == 0o700


PROCESS = """
import sys
from pathlib import Path
from memory import index_access
from memory.embedding import HashingEmbedder
from memory.home import MemoryHome
from memory.index_access import IndexAccess
from memory.index_folder import IndexFailure
from memory.note_log import NoteLog
from tests.memory.test_index_access import some_notes
index_access.LONG_TAIL = 100
home, role = MemoryHome(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for number in range(40 if role == "write" else 0):
    with NoteLog(home.notes, home.index) as log:
        written = some_notes(int(sys.argv[4]), seed=f"{sys.argv[3]} {number}")
        log.add(written)
        print(*(n.id for n in written), flush=True)
while role == "read":
    with IndexAccess(home, HashingEmbedder()) as index:
        for _ in range(5):
            try:
                print(len(index.nearest("word1 word2", 5)), flush=True)
            except IndexFailure:
                print("busy", flush=True)
"""


def start(home: MemoryHome, role: str, name: str, batch: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(home.path), role, name, str(batch)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process


def kill_two_writers_and_two_readers(home: MemoryHome, chance: random.Random, name: str, batch: int) -> list[str]:
    """Start them, and kill each at some moment of its work; returns the notes that the writers say are stored."""
    acknowledged: list[str] = []
    roles = ("write", "write", "read", "read")
    processes = [start(home, role, f"{name} {number}", batch) for number, role in enumerate(roles)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes[2:]:  # both readers are at work
        assert process.stdout is not None and process.stdout.readline().strip() in ("0", "5", "busy")
    for process in chance.sample(processes, 4):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randint(1, 8))]
        process.send_signal(signal.SIGKILL)
        said = "".join(lines) + process.stdout.read()
        process.communicate()
        acknowledged += [word for word in said.split() if len(word) == 15]
    return acknowledged


def test_two_writers_and_two_readers_lose_nothing_to_kill_9(home: MemoryHome, log: NoteLog) -> None:
    log.count()  # so that the file is there
    acknowledged = kill_two_writers_and_two_readers(home, random.Random(1), "", batch=5)
    stored = {each.id: each for each in log.notes()}
    assert len(acknowledged) > 20 and set(acknowledged) <= set(stored)
    # The search is approximate: of thousands it may miss one. Two unguarded writers lose whole batches.
    assert len(missing(home, list(stored.values()))) <= len(stored) // 200


@pytest.mark.skipif(
    "SLEEPWRIGHT_ENDURANCE" not in os.environ, reason="minutes of kills, where SLEEPWRIGHT_ENDURANCE is set"
)
@pytest.mark.timeout(3600)
def test_ten_thousand_notes_survive_many_kills(home: MemoryHome, log: NoteLog) -> None:
    log.count()
    chance = random.Random(2)
    acknowledged: list[str] = []
    kills = 0
    while len(acknowledged) < 10_000:
        acknowledged += kill_two_writers_and_two_readers(home, chance, str(kills), batch=50)
        kills += 4
    stored = {each.id: each for each in log.notes()}
    assert kills >= 8 and set(acknowledged) <= set(stored)
    assert len(missing(home, list(stored.values()))) <= len(stored) // 200


def test_a_kill_while_the_graph_is_written_leaves_the_index_whole(home: MemoryHome, log: NoteLog) -> None:
    notes = some_notes(150)
    log.add(notes)
    code = (
        "import sys; from pathlib import Path; from memory import index_access\n"
        "from memory.embedding import HashingEmbedder; from memory.home import MemoryHome\n"
        "index_access.LONG_TAIL = 100\n"
        "index = index_access.IndexAccess(MemoryHome(Path(sys.argv[1])), HashingEmbedder())\n"
        "index.catch_up(); print('caught up', flush=True); index.close(); print('closed', flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home.path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "caught up\n"
    while not home.index.with_name("chroma.new").exists() and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert missing(home, notes) == []
