"""Hashing, a small model of the MiniLM kind against torch's own layers, and an endpoint on a real socket."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from memory.config import EndpointAddress, MemoryConfig
from memory.embedding import HashingEmbedder, open_embedder
from memory.embedding_endpoint import EndpointEmbedder
from memory.errors import EmbeddingError
from memory.minilm import MiniLM

WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "the", "parser", "is", "slow")
WIDTH, INNER = 8, 16


def tiny_weights() -> dict[str, np.ndarray]:
    """Two layers of BERT, filled by a formula, so that any program can make the same."""
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (16, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{layer}.{name}.weight": (WIDTH, WIDTH), f"{layer}.{name}.bias": (WIDTH,)}
        shapes |= {f"{layer}.intermediate.dense.weight": (INNER, WIDTH), f"{layer}.intermediate.dense.bias": (INNER,)}
        shapes |= {f"{layer}.output.dense.weight": (WIDTH, INNER), f"{layer}.output.dense.bias": (WIDTH,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{layer}.{name}.weight": (WIDTH,), f"{layer}.{name}.bias": (WIDTH,)}
    return {
        name: np.sin(np.arange(np.prod(shape)) * 0.7 + number).reshape(shape).astype(np.float32)
        for number, (name, shape) in enumerate(shapes.items())
    }


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    save_file(tiny_weights(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"num_attention_heads": 2, "layer_norm_eps": 1e-12}')
    return tmp_path


# By torch 2.13: two nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=False) with these weights on the
# embeddings' norm, the mean over the tokens that are no padding, normalised.
BY_TORCH = {
    "the parser is slow": [-0.534629, -0.302062, 0.297393, 0.210982, 0.327275, 0.526319, -0.051888, -0.321187],
    "slow": [-0.534571, -0.302154, 0.297333, 0.21106, 0.327235, 0.526339, -0.051756, -0.321232],
}


def test_the_forward_pass_is_that_of_torch(tiny: Path) -> None:
    vectors = MiniLM(tiny).embed(list(BY_TORCH))  # together, so that the shorter one is padded
    np.testing.assert_allclose(vectors, np.array(list(BY_TORCH.values())), atol=1e-5)


def test_other_weights_are_another_embedder(tiny: Path) -> None:
    before = MiniLM(tiny).name
    save_file({**tiny_weights(), "embeddings.LayerNorm.bias": np.ones(WIDTH, np.float32)}, tiny / "model.safetensors")
    assert MiniLM(tiny).name != before


@pytest.mark.parametrize("missing", ["tokenizer.json", "model.safetensors", "config.json"])
def test_a_folder_without_a_model_is_an_error_that_says_what_belongs_there(tiny: Path, missing: str) -> None:
    (tiny / missing).unlink()
    with pytest.raises(EmbeddingError, match="SLEEPWRIGHT_EMBED_DIR"):
        open_embedder(MemoryConfig(embed_folder=tiny))


def test_hashing_is_near_where_the_spelling_is() -> None:
    vectors = HashingEmbedder().embed(["parse the configuration", "parsing configurations", "bananas are yellow", ""])
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.2 > abs(far)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


class Endpoint(BaseHTTPRequestHandler):
    """Answers in disorder, as the protocol allows, with vectors that tell the texts apart."""

    asked: list[tuple[str | None, dict[str, object]]] = []

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers["Authorization"], request))
        found = self.path == "/v1/embeddings" and request["model"] == "embedder"
        data = [{"index": i, "embedding": [len(text), 1.0]} for i, text in enumerate(request["input"])]
        body = json.dumps({"data": data[::-1]} if found else {"error": "no such model"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    Endpoint.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_an_endpoint_embeds_in_batches_and_in_order(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-somebody-else")
    embedder = EndpointEmbedder(EndpointAddress(endpoint, "embedder", "mine"))
    vectors = embedder.embed(["a" * i for i in range(1, 101)])
    assert embedder.length == 2 and vectors.shape == (100, 2)
    assert list(np.round(vectors[:, 0] / vectors[:, 1])) == list(range(1, 101))
    assert {key for key, _ in Endpoint.asked} == {"Bearer mine"}


@pytest.mark.parametrize(
    ("path", "model"), [("", "another"), ("/nowhere", "embedder")], ids=["wrong model", "wrong address"]
)
def test_an_endpoint_that_refuses_is_an_error_with_its_address(endpoint: str, path: str, model: str) -> None:
    with pytest.raises(EmbeddingError, match=f"{endpoint}{path}/embeddings.*404"):
        EndpointEmbedder(EndpointAddress(endpoint + path, model))


def test_an_endpoint_without_a_model_asks_for_its_name() -> None:
    with pytest.raises(EmbeddingError, match="SLEEPWRIGHT_EMBED_MODEL"):
        open_embedder(MemoryConfig.from_environment({"SLEEPWRIGHT_EMBED_URL": "http://127.0.0.1:1/v1"}))
