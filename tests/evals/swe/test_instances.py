"""Rows of data sets, good and malformed."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals.errors import DatasetError
from evals.swe.instances import load, read_rows

ROW: dict[str, Any] = {
    "instance_id": "a__b-1",
    "repo": "a/b",
    "base_commit": "0" * 40,
    "problem_statement": "it breaks",
    "patch": "",
    "test_patch": "",
    "FAIL_TO_PASS": '["t.py::x"]',
    "PASS_TO_PASS": ["t.py::y"],
    "version": "1",
    "hints_text": "kept",
}


def test_tests_are_a_list_or_a_list_as_json() -> None:
    [instance] = load([ROW]).instances

    assert (instance.fail_to_pass, instance.pass_to_pass) == (("t.py::x",), ("t.py::y",))
    assert instance.row["FAIL_TO_PASS"] == ["t.py::x"] and instance.row["hints_text"] == "kept"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"base_commit": "--upload-pack=evil"}, "base_commit"),
        ({"repo": "../../etc"}, "repo"),
        ({"instance_id": "../x"}, "instance_id"),
        ({"FAIL_TO_PASS": "[not json"}, "FAIL_TO_PASS"),
        ({"FAIL_TO_PASS": []}, "FAIL_TO_PASS"),
        ({"problem_statement": None}, "problem_statement"),
    ],
)
def test_a_malformed_row_is_kept_with_its_reason(change: dict[str, Any], problem: str) -> None:
    found = load([ROW | change, ROW | {"instance_id": "a__b-2"}])

    assert [instance.instance_id for instance in found.instances] == ["a__b-2"]
    assert problem in found.malformed[0].problem


@pytest.mark.parametrize("row", ["no json", 7, None, [], {}])
def test_what_is_no_row_at_all(row: object) -> None:
    assert load([row, ROW]).malformed[0].id == "row-1"


def test_a_second_row_of_an_id() -> None:
    assert load([ROW, ROW]).malformed == (("row-2", "a second row of 'a__b-1'"),)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", f"{json.dumps(ROW)}\n\nbroken\n"),
        ("rows.json", json.dumps([ROW, "broken"])),
        ("rows.json", json.dumps({"a__b-1": ROW, "x": "broken"})),
    ],
)
def test_every_form_of_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = load(read_rows(tmp_path / name))

    assert len(found.instances) == len(found.malformed) == 1


def test_only_some_ids() -> None:
    found = load([ROW, ROW | {"instance_id": "a__b-2"}])

    assert [one.instance_id for one in found.only(["a__b-2"]).instances] == ["a__b-2"]
    with pytest.raises(DatasetError, match="no instance 'nope'"):
        found.only(["nope"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_rows(tmp_path / "none.jsonl"))
