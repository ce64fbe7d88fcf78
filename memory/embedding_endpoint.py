"""Vectors from an OpenAI-compatible `/v1/embeddings`. By httpx alone: the openai package costs a CPU second to import,
and takes its key from elsewhere where it can."""

from collections.abc import Sequence

import httpx
import numpy as np

from memory.config import EndpointAddress
from memory.embedding import Vectors, normalised
from memory.errors import EmbeddingError

_BATCH = 64
_SECONDS = 60.0


class EndpointEmbedder:
    """Asks once how long the vectors are. EmbeddingError where the endpoint does not answer as it should."""

    is_semantic = True

    def __init__(self, address: EndpointAddress) -> None:
        if not address.model:
            raise EmbeddingError("SLEEPWRIGHT_EMBED_URL is set and SLEEPWRIGHT_EMBED_MODEL is not: name the model.")
        self._address = address
        self.name = f"{address.url.rstrip('/')}#{address.model}"
        self.length = self._ask(["length"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = [self._ask(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, self.length), dtype=np.float32)

    def _ask(self, texts: Sequence[str]) -> Vectors:
        url = f"{self._address.url.rstrip('/')}/embeddings"
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        request = {"model": self._address.model, "input": clean, "encoding_format": "float"}
        headers = {"Authorization": f"Bearer {self._address.key}"} if self._address.key else {}
        try:
            answer = httpx.post(url, json=request, headers=headers, timeout=_SECONDS)
            answer.raise_for_status()
            data = sorted(answer.json()["data"], key=lambda item: item["index"])
            vectors = np.array([item["embedding"] for item in data], dtype=np.float32)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise EmbeddingError(
                f"The embeddings endpoint {url!r} did not give vectors: {error}. Check SLEEPWRIGHT_EMBED_URL, which "
                "ends in /v1 as a rule, and SLEEPWRIGHT_EMBED_MODEL, or unset them."
            ) from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise EmbeddingError(
                f"The embeddings endpoint {url!r} did not give one vector for each text: {vectors.shape}."
            )
        return normalised(vectors)
