"""Which files of a snapshot are the repository's own code: not vendored, not generated.

By the conventions that code hosts follow: well-known folders and endings, and the attributes `linguist-vendored` and
`linguist-generated` of `.gitattributes`, which have the last word. What a file says itself is read in symbols.py.
"""

import os
import re
from collections.abc import Sequence

from agent.workspace import Blob, Repository

_VENDORED = frozenset(
    "vendor vendors _vendor vendored _vendored third_party third-party thirdparty 3rdparty 3rd-party external externals"
    " node_modules bower_components site-packages venv .venv .yarn pods carthage".split()
)
"""Folders, in lower case."""
_BUILT = ("build/", "dist/")
"""Only at the top: deeper ones are as often source."""
_GENERATED = re.compile(
    r"[.-]min\.[cm]?js$|[.-]bundle\.js$|_pb2(?:_grpc)?\.pyi?$|\.pb\.(?:go|cc|h)$|_pb\.(?:js|d\.ts|rb)$"
    r"|^zz_generated.*\.go$|[._]generated\.\w+$|^bindata\.go$|\.tab\.[ch]$|^lex\.yy\.c$"
)
_ATTRIBUTES = ("linguist-vendored", "linguist-generated")


def is_own_path(path: str) -> bool:
    """Whether nothing in a path says that the file is vendored or generated."""
    *folders, name = path.lower().split("/")
    return _VENDORED.isdisjoint(folders) and not (path.startswith(_BUILT) or _GENERATED.search(name))


def own_attributes(repository: Repository, blobs: Sequence[Blob]) -> dict[str, bool]:
    """Whether a path is own code, for those of which `.gitattributes` say it; in most repositories none.

    `blobs` are all the files of the snapshot.
    """
    files = [blob.id for blob in blobs if blob.path.endswith(".gitattributes")]
    if not files or not any(b"linguist-" in content for content in repository.contents(files)):
        return {}
    paths = b"".join(os.fsencode(blob.path) + b"\0" for blob in blobs)
    fields = repository.git("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=paths).split(b"\0")
    foreign: dict[str, bool] = {}
    for path, value in zip(fields[::3], fields[2::3], strict=False):  # after the last field stands an empty one
        if value in (b"set", b"true"):
            foreign[os.fsdecode(path)] = True
        elif value in (b"unset", b"false"):
            foreign.setdefault(os.fsdecode(path), False)
    return {path: not is_foreign for path, is_foreign in foreign.items()}
