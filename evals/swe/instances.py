"""Instances in SWE-bench's fields, from JSON or JSON lines. A malformed row is kept as that, and ends nothing."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from evals.errors import DatasetError


def _tests(value: object) -> object:
    """A list, or, as the Hub has it, a list as JSON."""
    return _json(value) if isinstance(value, str) else value


def _given(row: object) -> object:
    """Without the nulls that a table has for fields that a row lacks."""
    return {name: value for name, value in row.items() if value is not None} if isinstance(row, dict) else row


# They become names of folders, and arguments of git.
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
_Repo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
_Text = Annotated[str, BeforeValidator(str)]
_Tests = Annotated[tuple[str, ...], BeforeValidator(_tests)]


class InstallConfig(BaseModel):
    """How an environment for the tests is made, in SWE-rebench's fields; all of it may be missing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    python: str = ""
    """A version: "3.9"."""
    packages: str = ""
    pip_packages: tuple[str, ...] = ()
    test_cmd: str = ""


class Instance(BaseModel):
    """One task, in SWE-bench's fields; others that a row may have are left alone."""

    model_config = ConfigDict(frozen=True, extra="allow")

    instance_id: _Id
    repo: _Repo
    base_commit: _Commit
    problem_statement: str
    patch: str = ""
    """The gold one."""
    test_patch: str
    fail_to_pass: _Tests = Field(validation_alias=AliasChoices("FAIL_TO_PASS", "fail_to_pass"), min_length=1)
    pass_to_pass: _Tests = Field(validation_alias=AliasChoices("PASS_TO_PASS", "pass_to_pass"), default=())
    version: _Text = ""
    environment_setup_commit: Annotated[_Text, Field(pattern=r"^([0-9a-f]{40}([0-9a-f]{24})?)?$")] = ""
    """Whose dependencies the tests need; "" for those of the base commit."""
    difficulty: str = ""
    test_cmd: str = ""
    """What runs the repository's tests, "python" being that of its environment; "" for pytest."""
    eval_type: Literal["pass_and_fail", "fail_only", ""] = ""
    install_config: Annotated[InstallConfig, BeforeValidator(_given)] = InstallConfig()

    @property
    def test_command(self) -> str:
        """Of the whole repository at its base; "" where the row names none."""
        return self.test_cmd or self.install_config.test_cmd

    @property
    def row(self) -> dict[str, Any]:
        """As SWE-bench has it."""
        fields = self.model_dump(mode="json", exclude={"fail_to_pass", "pass_to_pass"})
        return {**fields, "FAIL_TO_PASS": list(self.fail_to_pass), "PASS_TO_PASS": list(self.pass_to_pass)}


class Malformed(NamedTuple):
    """A row that is no instance: its id, or its place where it has none, and why."""

    id: str
    problem: str


class Dataset(NamedTuple):
    """What a file holds, in its order."""

    instances: tuple[Instance, ...]
    malformed: tuple[Malformed, ...] = ()

    def only(self, ids: Sequence[str]) -> "Dataset":
        """The instances of these ids, all where there are none; DatasetError for one that is not there."""
        if not ids:
            return self
        known = {instance.instance_id for instance in self.instances} | {row.id for row in self.malformed}
        if missing := [id for id in ids if id not in known]:
            raise DatasetError(f"The data set has no instance {', '.join(map(repr, missing))}.")
        wanted = set(ids)
        return Dataset(
            tuple(instance for instance in self.instances if instance.instance_id in wanted),
            tuple(row for row in self.malformed if row.id in wanted),
        )


def read_rows(path: Path) -> Iterator[object]:
    """The rows of a JSON list, a JSON object of rows by id, or JSON lines; a line that is no JSON is given as text.

    DatasetError where the file cannot be read or holds none of these.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"The file {str(path)!r} cannot be read: {problem}.") from error
    if path.suffix != ".jsonl":
        rows = _json(text)
        if isinstance(rows, list):
            yield from rows
            return
        if isinstance(rows, dict):
            yield from [rows] if "instance_id" in rows else rows.values()
            return
    # JSON lines, whatever the file is called. A string may hold what `splitlines` takes for the end of a line.
    yield from map(_json, filter(str.strip, text.split("\n")))


def load(rows: Iterable[object]) -> Dataset:
    """Sort the rows into instances and what is malformed, a second row of one id included. DatasetError for no row."""
    instances: list[Instance] = []
    malformed: list[Malformed] = []
    seen: set[str] = set()
    for place, row in enumerate(rows, start=1):
        id = _id(row)
        if id in seen:
            malformed.append(Malformed(f"row-{place}", f"a second row of {id!r}"))
            continue
        seen |= {id} - {""}
        try:
            instance = Instance.model_validate(_given(row))
            instance.model_dump_json()  # lone surrogates, which JSON may hold and no file
            instances.append(instance)
        except ValueError as error:
            malformed.append(Malformed(id or f"row-{place}", _why(error)))
    if not instances and not malformed:
        raise DatasetError("The data set is empty.")
    return Dataset(tuple(instances), tuple(malformed))


def _json(text: str) -> object:
    """What it says; the text itself where it is no JSON, or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _id(row: object) -> str:
    given = row.get("instance_id") if isinstance(row, dict) else None
    return given if isinstance(given, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", given) else ""


def _why(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else "it is no object of fields"
