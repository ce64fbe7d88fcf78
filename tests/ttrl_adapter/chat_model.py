"""A folder with the embedded model's weights and a chat template: a chat model as far as files go."""

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer

from agent.policy import SHIPPED

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]\n{{ m.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% if enable_thinking is defined and not enable_thinking %}!{% endif %}"
    "{{ '\n' }}{% endif %}"
)

BOS = {"__type": "AddedToken", "content": "<|in|>", "lstrip": False, "normalized": False, "rstrip": False}
BOS |= {"single_word": False}


def chat_model(folder: Path) -> Path:
    """Make it. Its tokenizer knows no marks, so that it is asked as a chat model is."""
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(SHIPPED / name, folder / name)
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).to_str()
    (folder / "tokenizer.json").write_text(tokenizer.replace("<|fix|>", "<|mend|>"))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [4081, 4082]}))
    config = json.loads((SHIPPED / "tokenizer_config.json").read_text())
    config |= {"chat_template": [{"name": "default", "template": TEMPLATE}], "bos_token": BOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
