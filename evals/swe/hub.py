"""Rows of Parquet files, by pyarrow; of what `save_to_disk` wrote and of data sets on the Hub, by datasets."""

from collections.abc import Callable, Iterator
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
    """DatasetError where it cannot be read."""
    yield from _rows("pyarrow.parquet", lambda library: library.read_table(path).to_pylist(), str(path), _BROKEN)


def read_folder(path: Path, split: str) -> Iterator[object]:
    """A copy of a repository of the Hub with its Parquet files, or what `save_to_disk` wrote; DatasetError."""

    def saved(library: Any) -> Any:
        found = library.load_from_disk(str(path))
        return found[split] if isinstance(found, dict) else found

    if (path / "dataset_dict.json").exists() or (path / "dataset_info.json").exists():
        yield from _rows("datasets", saved, str(path), _BROKEN)
        return
    files = sorted(path.rglob(f"{split}*.parquet"))
    if not files:
        raise DatasetError(f"The folder {str(path)!r} has no split {split!r}: no {split}*.parquet is in it.")
    for file in files:
        yield from read_parquet(file)


def read_hub(name: str, split: str) -> Iterator[object]:
    """From the Hub, or from its cache on this machine; DatasetError where neither has it."""
    name = _SHORT.get(name.lower(), name)
    advice = "cannot be had from the Hub (--dataset takes a JSON, JSON lines or Parquet file or a folder, too)"
    yield from _rows("datasets", lambda library: library.load_dataset(name, split=split), name, advice)


_BROKEN = "cannot be read"


def _rows(module: str, read: Callable[[Any], Any], name: str, problem: str) -> Iterator[object]:
    try:
        library = import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise DatasetError(
            f"The data set {name!r} is no JSON and needs {package}: pip install 'sleepwright[swebench]'."
        ) from None
    try:
        rows = read(library)
    except Exception as error:  # whatever the network, the Hub, Arrow or a builder raises
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise DatasetError(f"The data set {name!r} {problem}: {said[0].rstrip('.')}.") from error
    yield from map(dict, rows)
