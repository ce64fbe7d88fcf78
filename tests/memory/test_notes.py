"""The index on a real Chroma server, and what is refused of a store."""

import gc
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chromadb
import pytest
from chromadb.config import Settings

from memory.config import ServerAddress
from memory.embedding import HashingEmbedder
from memory.errors import UserError
from memory.home import MemoryHome
from memory.index_access import IndexAccess
from memory.index_folder import IndexFailure
from memory.note_log import NoteLog
from memory.notes import NoteIndex, Space, catch_up, notes_in_folder
from memory.records import Tokens
from tests.memory.note_examples import anchor, answer, note

SPACE = Space("hashing-1", 384)

# Chroma's client for a server leaves sockets to the garbage collector.
CHROMA_LEAKS = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "repo" / ".git")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerAddress]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(tmp_path / "server")]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield ServerAddress(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


@CHROMA_LEAKS
def test_two_processes_of_a_server_see_each_others_notes(home: MemoryHome, server: ServerAddress) -> None:
    with NoteLog(home.notes) as log:
        first, second = note("Bananas are yellow."), note("Parsers are slow.")
        log.add([first])
        with IndexAccess(home, HashingEmbedder(), server) as one, IndexAccess(home, HashingEmbedder(), server) as two:
            assert one.nearest("yellow", 2)[0].id == first.id
            log.add([second])
            assert two.nearest("slow parsers", 1)[0].id == second.id
            assert one.nearest("slow parsers", 1)[0].id == second.id
    assert not home.index.exists()
    gc.collect()


@CHROMA_LEAKS
def test_a_server_that_is_not_there_is_a_failure_of_the_index_only(home: MemoryHome) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = ServerAddress(f"http://127.0.0.1:{free.getsockname()[1]}")
    with IndexAccess(home, HashingEmbedder(), address) as index, pytest.raises(IndexFailure):
        index.nearest("anything", 1)
    gc.collect()


@pytest.mark.parametrize("url", ["", "chroma.example.org", "ftp://a", "https://api.trychroma.com/only-a-tenant"])
def test_a_wrong_address_says_what_a_right_one_is(url: str) -> None:
    with pytest.raises(UserError, match="no address of a Chroma server"):
        NoteIndex.on_server(ServerAddress(url), "0", SPACE)


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(UserError, match="use https"):
        NoteIndex.on_server(ServerAddress("http://chroma.example.org", "secret"), "0", SPACE)


def test_a_store_that_brings_its_own_embedding_function_is_refused(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(str(tmp_path), settings=Settings(anonymized_telemetry=False))
    client.create_collection(f"notes-0-{SPACE.name}")  # with Chroma's default function
    client.close()  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="embedding function"):
        NoteIndex.in_folder(tmp_path, "0", SPACE)


def test_the_index_alone_gives_the_notes_back(home: MemoryHome) -> None:
    written = [
        note("Whole.", anchors=(anchor(),), run="r", commit="1" * 40).model_copy(
            update={"cost": Tokens(prompt=5, calls=1), "checks": ("path exists",), "source": "said", "revision": 3}
        ),
        note("Bare."),
        answer("t::a", request="be two"),
    ]
    with NoteLog(home.notes) as log:
        log.add(written)
        index = NoteIndex.in_folder(home.index, log.identity, SPACE)
        catch_up(index, log, HashingEmbedder().embed)
    index.close()
    assert {each.id: each for each in notes_in_folder(home.index)} == {each.id: each for each in written}


def test_nothing_is_written_twice(home: MemoryHome) -> None:
    written = note("Once.")
    with NoteLog(home.notes) as log:
        log.add([written])
        index = NoteIndex.in_folder(home.index, log.identity, SPACE)
        catch_up(index, log, HashingEmbedder().embed)
    assert index.unseen([written]) == []
    index.close()
