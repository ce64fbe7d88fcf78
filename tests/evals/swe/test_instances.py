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
        ({"FAIL_TO_PASS": "[" * 100_000}, "FAIL_TO_PASS"),
        ({"problem_statement": None}, "problem_statement"),
        ({"difficulty": "\ud800"}, "surrogates"),
    ],
)
def test_a_malformed_row_is_kept_with_its_reason(change: dict[str, Any], problem: str) -> None:
    found = load([ROW | change, ROW | {"instance_id": "a__b-2"}])

    assert [instance.instance_id for instance in found.instances] == ["a__b-2"]
    assert problem in found.malformed[0].problem


@pytest.mark.parametrize("row", ["no json", 7, None, [], {}])
def test_what_is_no_row_at_all(row: object) -> None:
    assert load([row, ROW]).malformed[0].id == "row-1"


@pytest.mark.parametrize("first", [ROW, ROW | {"repo": "none"}])
def test_a_second_row_of_an_id(first: dict[str, Any]) -> None:
    assert load([first, ROW]).malformed[-1] == ("row-2", "a second row of 'a__b-1'")


def test_a_null_of_a_table_is_a_field_that_the_row_lacks() -> None:
    nulls = dict.fromkeys(("PASS_TO_PASS", "patch", "difficulty", "test_cmd", "eval_type", "version"))
    [instance] = load([ROW | nulls | {"install_config": {"python": "3.9", "pip_packages": None}}]).instances

    assert (instance.pass_to_pass, instance.version, instance.install_config.python) == ((), "", "3.9")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", f"{json.dumps(ROW)}\n\nbroken\n"),
        ("rows.json", json.dumps([ROW, "broken"])),
        ("rows.json", json.dumps({"a__b-1": ROW, "x": "broken"})),
        ("rows.jsonl", f"\ufeff{json.dumps(ROW)}\nbroken\n"),
        ("rows.jsonl", f"{json.dumps(ROW)}\n{'[' * 100_000}\n"),
        ("rows.jsonl", json.dumps(ROW | {"hints_text": "one\u2028two\x85three"}, ensure_ascii=False) + "\nbroken\n"),
    ],
)
def test_every_form_of_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = load(read_rows(tmp_path / name))

    assert len(found.instances) == len(found.malformed) == 1


def test_a_file_of_one_row_over_several_lines(tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text(json.dumps(ROW, indent=2))

    assert len(load(read_rows(tmp_path / "row.json")).instances) == 1


def test_only_some_ids() -> None:
    found = load([ROW, ROW | {"instance_id": "a__b-2"}])

    assert [one.instance_id for one in found.only(["a__b-2"]).instances] == ["a__b-2"]
    with pytest.raises(DatasetError, match="no instance 'nope'"):
        found.only(["nope"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_rows(tmp_path / "none.jsonl"))
