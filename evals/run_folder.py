"""The folder that an evaluation leaves behind: with what it ran, its raw samples, tables, plots, and what it scored.

config.json      command, options, seeds, versions, machine
samples.jsonl    one line a sample, whole after kill -9 (others beside it where a command has more than one kind)
tables/          NAME.json with raw cells, NAME.md
plots/           NAME.json with what is drawn; NAME.png and NAME.svg from plots.py
scores.json      one number an item, by which runs of the same items are compared

    folder = RunFolder.begin(path, RunConfig.of("localize", label="HEAD", options={"commits": 200}))
    with folder.samples() as samples:
        samples.append(answer.model_dump(mode="json"))
    folder.add_table(table)
    folder.add_chart(chart)
"""

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from evals.charts import Chart
from evals.errors import RunFolderError
from evals.tables import Table
from memory.journal import Journal, read_journal
from memory.records import Record, now

R = TypeVar("R", bound=Record)

_LIBRARIES = ("sleepwright", "numpy", "tokenizers", "langgraph", "openai", "chromadb", "torch", "trl", "peft", "vllm")


class RunConfig(Record):
    """With what a run was made."""

    schema_version: Literal[1] = 1
    command: str
    """As it is typed, without `sleepwright eval`."""
    label: str
    """What tells it from other runs of the command: an arm, a model."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What decides its results: a folder is continued only with the same."""
    conduct: dict[str, Any] = Field(default_factory=dict)
    """How it was carried out, which may change when it is continued: workers, where."""
    seeds: tuple[int, ...] = ()
    began: datetime = Field(default_factory=now)
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str | int | None] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        command: str,
        label: str,
        options: Mapping[str, Any] = {},
        conduct: Mapping[str, Any] = {},
        seeds: Sequence[int] = (),
    ) -> "RunConfig":
        """With the versions and the machine of this process."""
        return cls(
            command=command,
            label=label,
            options=dict(options),
            conduct=dict(conduct),
            seeds=tuple(seeds),
            versions=_versions(),
            machine={"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        )


class Scores(Record):
    """One number for each item; runs of one command are compared over the items that they share."""

    schema_version: Literal[1] = 1
    measure: str
    """What the numbers are: "resolved"."""
    scores: dict[str, float]
    """By item; of a yes or no, 1 and 0."""


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. `begin` makes it, `open` reads one."""

    path: Path
    config: RunConfig

    @classmethod
    def begin(cls, path: Path, config: RunConfig, *, continues: bool = False) -> "RunFolder":
        """Make the folder, or, where `continues` allows it, go on with the run that it holds.

        Raises RunFolderError where it holds something else, or a run with other options.
        """
        file = path / "config.json"
        if file.exists():
            there = cls.open(path).config
            same = (there.command, there.options, there.seeds) == (config.command, config.options, config.seeds)
            if not (continues and same):
                why = "another run" if continues else "a run"
                raise RunFolderError(f"{str(path)!r} holds {why} of `eval {there.command}`: name another folder.")
            return cls(path, there)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunFolderError(f"{str(path)!r} is not empty and holds no run: name another folder.")
        except OSError as error:
            raise RunFolderError(f"{str(path)!r} cannot be used: {error.strerror}.") from error
        folder = cls(path, config)
        folder._write("config.json", config)
        return folder

    @classmethod
    def open(cls, path: Path, command: str = "") -> "RunFolder":
        """Read one, of this command where one is given; RunFolderError where it is none, or is damaged."""
        folder = cls(path, _read(path / "config.json", RunConfig))
        if command and folder.config.command != command:
            raise RunFolderError(f"{str(path)!r} holds a run of `eval {folder.config.command}`, not of `{command}`.")
        return folder

    def samples(self, name: str = "samples") -> Journal:
        """Opened to append raw samples; one process at a time."""
        return Journal(self.path / f"{name}.jsonl")

    def read_samples(self, name: str = "samples") -> Iterator[dict[str, Any]]:
        """What `samples` has kept."""
        return read_journal(self.path / f"{name}.jsonl")

    def read_records(self, kind: type[R], name: str = "samples") -> Iterator[R]:
        """The same as records; RunFolderError where one is damaged, or another version's."""
        for number, sample in enumerate(self.read_samples(name), start=1):
            try:
                yield kind.model_validate(sample)
            except ValidationError as error:
                file = str(self.path / f"{name}.jsonl")
                raise RunFolderError(f"Line {number} of {file!r} is damaged: {_first_of(error)}.") from error

    def add_table(self, table: Table) -> None:
        """As JSON and as Markdown, in the place of an earlier one of this name."""
        self._write(f"tables/{table.name}.json", table)
        write_whole(self.path / "tables" / f"{table.name}.md", table.markdown())

    def add_chart(self, chart: Chart) -> None:
        """What is to be drawn, in the place of an earlier one of this name."""
        self._write(f"plots/{chart.name}.json", chart)

    def set_scores(self, measure: str, scores: Mapping[str, float]) -> None:
        self._write("scores.json", Scores(measure=measure, scores=dict(scores)))

    @property
    def tables(self) -> list[Table]:
        return [_read(file, Table) for file in _oldest_first(self.path.glob("tables/*.json"))]

    @property
    def charts(self) -> list[Chart]:
        return [_read(file, Chart) for file in _oldest_first(self.path.glob("plots/*.json"))]

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def scores(self) -> Scores | None:
        """None where the run compares to nothing."""
        file = self.path / "scores.json"
        return _read(file, Scores) if file.exists() else None

    def _write(self, name: str, record: Record) -> None:
        write_whole(self.path / name, record.model_dump_json(indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either the old or the new one, whole, whatever happens."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")
        beside.replace(path)
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def _read(path: Path, kind: type[R]) -> R:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunFolderError(f"{str(path.parent)!r} is no run of an evaluation: it has no {path.name}.") from None
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RunFolderError(f"{str(path)!r} is damaged: {_first_of(error)}.") from error


def _first_of(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"])) or "it"
    return f"{where}: {problem['msg']}"


def _oldest_first(files: Iterable[Path]) -> list[Path]:
    """In the order in which they were added."""
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
