"""ttrl_adapter/corpus.py: which functions are practised on, and which never."""

import zipfile
from pathlib import Path

from ttrl_adapter.corpus import load_functions, read_functions, write_functions

FUNCTION = "def {}(a, b):\n    c = a + b\n    return c\n"


def wheel(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return path


def names(places: list[Path], **options: frozenset[str]) -> set[str]:
    return {text.split("(")[0].removeprefix("def ") for text in read_functions(places, **options)}


def test_tests_and_benchmark_packages_are_left_out(tmp_path: Path) -> None:
    files = {f"{folder}/mod.py": FUNCTION.format(folder) for folder in ("good", "tests", "sympy", "requests")}
    files["good/test_mod.py"] = FUNCTION.format("in_a_test")
    assert names([wheel(tmp_path, files)]) == {"good"}


def test_functions_with_the_name_of_a_benchmark_program_are_left_out(tmp_path: Path) -> None:
    text = FUNCTION.format("quicksort") + FUNCTION.format("_lis") + FUNCTION.format("add") + FUNCTION.format("mine")
    place = wheel(tmp_path, {"good/mod.py": text})
    assert names([place]) == {"add", "mine"}
    assert names([place], excluded_names=frozenset({"add"})) == {"quicksort", "_lis", "mine"}


def test_equal_functions_are_taken_once(tmp_path: Path) -> None:
    place = wheel(tmp_path, {"a/x.py": FUNCTION.format("f"), "a/y.py": "# other\n" + FUNCTION.format("f")})
    assert len(list(read_functions([place]))) == 1


def test_docstrings_and_comments_are_gone(tmp_path: Path) -> None:
    text = 'def f(a: int) -> int:\n    """Doc."""\n    b = a  # why\n    return b\n'
    assert list(read_functions([wheel(tmp_path, {"a/x.py": text})])) == ["def f(a):\n    b = a\n    return b"]


def test_what_cannot_be_parsed_is_skipped(tmp_path: Path) -> None:
    place = wheel(tmp_path, {"a/x.py": "def f(:\n", "a/y.py": "\0", "a/z.py": FUNCTION.format("g")})
    assert names([place]) == {"g"}


def test_functions_survive_the_file(tmp_path: Path) -> None:
    texts = ["def f():\n    return 'a\\n'", "x = 1\ny = 2\nz = 3"]
    assert write_functions(texts, tmp_path / "f.jsonl") == 2
    assert load_functions(tmp_path / "f.jsonl") == texts
