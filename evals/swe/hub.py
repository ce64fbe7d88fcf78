"""Rows of Parquet files, by pyarrow, and of data sets on the Hub, by datasets: neither is needed for anything else."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from evals.errors import DatasetError

_SHORT = {
    "swe-bench": "SWE-bench/SWE-bench",
    "lite": "SWE-bench/SWE-bench_Lite",
    "verified": "SWE-bench/SWE-bench_Verified",
}
"""As SWE-bench's own command abbreviates them."""


def read_parquet(path: Path) -> Iterator[object]:
    """DatasetError where pyarrow is missing or the file cannot be read."""
    parquet = _library("pyarrow.parquet", f"{str(path)!r} is Parquet", "pyarrow")
    try:
        rows: list[object] = parquet.read_table(path).to_pylist()
    except Exception as error:  # pyarrow's errors have no base of their own
        raise DatasetError(f"The data set {str(path)!r} cannot be read: {error}.") from error
    yield from rows


def read_hub(name: str, split: str) -> Iterator[object]:
    """DatasetError where datasets is missing or does not find it."""
    name = _SHORT.get(name.lower(), name)
    datasets = _library("datasets", f"There is no file {name!r}, and the Hub", "datasets")
    try:
        rows = datasets.load_dataset(name, split=split)
    except Exception as error:  # whatever the network, the Hub or a builder raises
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise DatasetError(f"The data set {name!r} cannot be had from the Hub: {said[0]}") from error
    yield from map(dict, rows)


def _library(module: str, why: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise DatasetError(f"{why} needs {package}: pip install {package}, or give JSON lines.") from None
