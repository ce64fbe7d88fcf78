"""Text to vectors without a network: by hashing, or with what is set up (minilm.py, embedding_endpoint.py).

Numpy is imported when there is something to embed: a repository without notes need not pay for it.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias
from zlib import crc32

from memory.config import MemoryConfig
from memory.words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"
"""A row of length 1 for each text."""


class Neighbour(NamedTuple):
    """A note whose vector is near."""

    id: str
    similarity: float
    """Cosine, at most 1."""


class Embedder(Protocol):
    """Texts of one meaning to near vectors."""

    @property
    def name(self) -> str:
        """Two embedders of one name give the same vectors."""

    @property
    def length(self) -> int:
        """Numbers in a vector."""

    @property
    def is_semantic(self) -> bool:
        """Whether it knows what words mean; else it only adds tolerance for spelling to a lexical search."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """EmbeddingError where it fails."""


class HashingEmbedder:
    """Words and pieces of words, hashed: near where the spelling is. Needs nothing, the same on every machine."""

    name = "hashing-1"
    length = 384
    is_semantic = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        vectors = np.zeros((len(texts), self.length), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for feature, weight in _features(text):
                hashed = crc32(feature.encode("utf-8", "surrogatepass"))
                row[hashed % self.length] += weight if hashed & 1 << 31 else -weight
        return normalised(vectors)


def open_embedder(config: MemoryConfig) -> Embedder:
    """What is set up; hashing where nothing is. EmbeddingError where it cannot be used."""
    if config.embed_endpoint:
        from memory.embedding_endpoint import EndpointEmbedder

        return EndpointEmbedder(config.embed_endpoint)
    if config.embed_folder:
        from memory.minilm import MiniLM

        return MiniLM(config.embed_folder)
    return HashingEmbedder()


def normalised(vectors: Vectors) -> Vectors:
    """Rows of length 1; one that is all zeros, of a text without words, becomes the first unit vector."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    scaled[lengths[:, 0] == 0, 0] = 1
    return scaled


def _features(text: str) -> Iterable[tuple[str, float]]:
    for word in words(text):
        yield word, 0.5
        padded = f"<{word}>"
        pieces = [padded[i : i + 3] for i in range(len(padded) - 2)]
        for piece in pieces:
            yield "#" + piece, len(pieces) ** -0.5
