"""The socket through which the owner of the index answers other processes: one line of JSON each way.

The socket lies in a folder of its own that only the user may enter, since paths of sockets are short; a file beside
the index says where.
"""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from threading import Thread

from memory.embedding import Neighbour, Vectors
from memory.errors import UserError
from memory.index_folder import IndexFailure

_SECONDS = 5.0
_LONGEST = 1 << 20  # bytes of a request
Answer = Callable[[Vectors, int, str], list[Neighbour]]
"""A vector, how many, the space's name -> notes; raises IndexFailure, or a UserError of the record or embedder."""


class IndexClient:
    """Asks the process that owns the index at `path`."""

    def __init__(self, path: Path) -> None:
        self._address = _address_file(path)

    def is_there(self) -> bool:
        """Whether somebody serves."""
        with suppress(OSError, ValueError), self._connected():
            return True
        return False

    def nearest(self, vector: Vectors, limit: int, space: str) -> list[Neighbour]:
        """IndexFailure where nobody serves, or the owner cannot answer."""
        request = {"vector": [float(number) for number in vector], "limit": limit, "space": space}
        try:
            with self._connected() as connection:
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(connection.makefile("rb").readline())
        except FileNotFoundError:
            raise IndexFailure("another process has the index open") from None
        except (OSError, ValueError) as error:
            raise IndexFailure(f"another process has the index open and does not answer: {error}") from error
        if "error" in answer:
            raise IndexFailure(str(answer["error"]))
        return [Neighbour(str(id), float(similarity)) for id, similarity in answer["nearest"]]

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(self._address.read_text(encoding="utf-8"))
            yield connection


@contextmanager
def serving(path: Path, answer: Answer) -> Iterator[None]:
    """Answer other processes from a thread until the block ends. Only for the owner of the index at `path`."""

    class Handler(StreamRequestHandler):
        timeout = _SECONDS

        def handle(self) -> None:
            with suppress(OSError):
                self.wfile.write(json.dumps(_answered(self.rfile.readline(_LONGEST), answer)).encode() + b"\n")

    folder = Path(tempfile.mkdtemp(prefix="sleepwright-"))
    address = folder / "index"
    try:
        with ThreadingUnixStreamServer(str(address), Handler) as server:
            server.daemon_threads = True
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            thread.start()
            _publish(_address_file(path), str(address))
            try:
                yield
            finally:
                _address_file(path).unlink(missing_ok=True)
                server.shutdown()
                thread.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answered(line: bytes, answer: Answer) -> dict[str, object]:
    import numpy as np

    try:
        request = json.loads(line)
        vector = np.array(request["vector"], dtype=np.float32)
        return {"nearest": answer(vector, int(request["limit"]), str(request["space"]))}
    except (IndexFailure, UserError, ValueError, TypeError, KeyError) as error:
        return {"error": f"the owner of the index cannot answer: {error}"}


def _publish(file: Path, address: str) -> None:
    new = file.with_name(file.name + ".new")
    new.write_text(address, encoding="utf-8")
    os.replace(new, file)


def _address_file(path: Path) -> Path:
    return path.with_name(path.name + ".socket")
