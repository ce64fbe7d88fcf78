"""What can be set about the memory: addresses and secrets, which come from the environment.

SLEEPWRIGHT_CHROMA_URL, _TOKEN        a Chroma server or Chroma Cloud instead of the embedded index
SLEEPWRIGHT_EMBED_URL, _MODEL, _KEY   an OpenAI-compatible endpoint that embeds
SLEEPWRIGHT_EMBED_DIR                 a folder with a MiniLM model that embeds
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self


class ServerAddress(NamedTuple):
    """A Chroma server or Chroma Cloud: `http(s)://host[:port][/tenant/database]`, and its token."""

    url: str
    token: str | None = None


class EndpointAddress(NamedTuple):
    """Where `POST {url}/embeddings` embeds with the model of this name."""

    url: str
    model: str
    key: str | None = None


@dataclass(frozen=True)
class MemoryConfig:
    """The defaults need no network and nothing installed beside."""

    server: ServerAddress | None = None
    """None for the embedded index."""
    embed_endpoint: EndpointAddress | None = None
    """Goes before `embed_folder`."""
    embed_folder: Path | None = None
    """Holds tokenizer.json, and model.onnx or model.safetensors. None for hashing."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Empty values count as unset."""

        def value(name: str) -> str | None:
            return environment.get(f"SLEEPWRIGHT_{name}") or None

        chroma, embed, folder = value("CHROMA_URL"), value("EMBED_URL"), value("EMBED_DIR")
        return cls(
            server=ServerAddress(chroma, value("CHROMA_TOKEN")) if chroma else None,
            embed_endpoint=EndpointAddress(embed, value("EMBED_MODEL") or "", value("EMBED_KEY")) if embed else None,
            embed_folder=Path(folder) if folder else None,
        )
