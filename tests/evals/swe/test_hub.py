"""Parquet files and data sets on the Hub, with the real libraries and without a network.

`make swebench` makes the environment, `make test-swebench` runs what needs it.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from evals.errors import DatasetError
from evals.swe.hub import read_folder, read_hub, read_parquet
from evals.swe.instances import load
from tests.evals.swe.test_instances import ROW

OTHER = ROW | {"instance_id": "a__b-2", "version": None}


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """As the Hub has it: tests as JSON in a text column."""
    from datasets import Dataset

    rows = [row | {"PASS_TO_PASS": json.dumps(row["PASS_TO_PASS"])} for row in (ROW, OTHER)]
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    path.parent.mkdir()
    Dataset.from_list(rows).to_parquet(path)
    return path


@pytest.mark.swebench
def test_parquet_is_read(parquet: Path) -> None:
    found = load(read_parquet(parquet))

    assert [one.instance_id for one in found.instances] == ["a__b-1", "a__b-2"] and not found.malformed
    assert found.instances[0].pass_to_pass == ("t.py::y",)


@pytest.mark.swebench
def test_a_copy_of_a_data_set_on_the_hub_is_read(parquet: Path) -> None:
    assert len(load(read_folder(parquet.parent.parent, "test")).instances) == 2
    with pytest.raises(DatasetError, match="has no split 'dev'"):
        list(read_folder(parquet.parent.parent, "dev"))


@pytest.mark.swebench
def test_what_save_to_disk_wrote_is_read(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    DatasetDict({"test": Dataset.from_list([OTHER])}).save_to_disk(tmp_path / "saved")

    assert len(load(read_folder(tmp_path / "saved", "test")).instances) == 1


@pytest.mark.swebench
def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no parquet")

    with pytest.raises(DatasetError, match="x.parquet' cannot be read"):
        list(read_parquet(tmp_path / "x.parquet"))


@pytest.mark.swebench
def test_without_a_network_the_hub_says_what_to_do(tmp_path: Path) -> None:
    code = "from evals.swe.hub import read_hub\nlist(read_hub('princeton-nlp/SWE-bench_Lite', 'test'))"
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)

    said = done.stderr.strip().splitlines()[-1]
    assert "DatasetError: The data set 'princeton-nlp/SWE-bench_Lite' cannot be had" in said and "--dataset" in said


@pytest.mark.skipif(bool(find_spec("datasets")), reason="datasets is installed")
def test_what_is_missing_is_named() -> None:
    with pytest.raises(DatasetError, match=r"pip install 'sleepwright\[swebench\]'"):
        list(read_hub("lite", "test"))
