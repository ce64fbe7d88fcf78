"""The map of a repository: parsed once per blob, ranked by the task, within its budget."""

import subprocess
import sys
from pathlib import Path

from agent.chat import count_tokens
from agent.repo_map import best_places, repo_map
from agent.symbol_cache import SymbolCache
from agent.symbol_rank import SymbolGraph
from agent.symbol_table import SymbolTable, symbols_of
from agent.symbols import LARGEST_FILE
from agent.workspace import Repository
from memory.home import MemoryHome


def table(root: Path, cache: Path, most_seconds: float = float("inf")) -> SymbolTable:
    repository = Repository.open(root)
    with SymbolCache(cache) as symbols:
        return symbols_of(repository, repository.snapshot(), symbols, most_seconds)


def mapped(root: Path, cache: Path, task: str, budget: int = 1000) -> str:
    return repo_map(SymbolGraph(table(root, cache)), task, budget)


def test_an_unchanged_blob_is_parsed_once(repo: Path, tmp_path: Path) -> None:
    parsed = [table(repo, tmp_path / "s.db").parsed for _ in range(2)]
    assert parsed == [2, 0]


def test_of_a_dirty_tree_only_the_changed_file_is_parsed(repo: Path, tmp_path: Path) -> None:
    table(repo, tmp_path / "s.db")
    (repo / "calc.py").write_text("def changed(): ...\n")
    found = table(repo, tmp_path / "s.db")
    assert found.parsed == 1
    assert "def changed()" in found.signatures


def test_a_renamed_file_is_not_parsed_again(repo: Path, tmp_path: Path) -> None:
    table(repo, tmp_path / "s.db")
    (repo / "calc.py").rename(repo / "sums.py")
    assert table(repo, tmp_path / "s.db").parsed == 0


def test_files_that_time_is_too_short_for_are_counted(repo: Path, tmp_path: Path) -> None:
    found = table(repo, tmp_path / "s.db", most_seconds=0)
    assert (found.parsed, found.left_out, found.paths) == (0, 2, ())


def test_of_too_many_files_the_deepest_are_left_out(repo: Path, tmp_path: Path) -> None:
    repository = Repository.open(repo)
    with SymbolCache(tmp_path / "s.db") as symbols:
        found = symbols_of(repository, repository.snapshot(), symbols, most_files=1)
    assert (found.paths, found.left_out) == (("calc.py",), 1)


def test_a_huge_file_is_known_to_be_there_and_not_read(repo: Path, tmp_path: Path) -> None:
    (repo / "huge.py").write_text("def huge(): ...\n" * (LARGEST_FILE // 10))
    found = table(repo, tmp_path / "s.db")
    assert "huge.py" in found.paths
    assert not any("huge" in signature for signature in found.signatures)
    assert table(repo, tmp_path / "s.db").parsed == 0


def test_a_damaged_cache_is_made_anew(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"no database" * 1000)
    assert [table(repo, tmp_path / "s.db").parsed for _ in range(2)] == [2, 0]


def test_a_cache_that_cannot_be_made_is_done_without(repo: Path, tmp_path: Path) -> None:
    assert table(repo, tmp_path / "missing" / "s.db").parsed == 2


def test_a_file_that_the_task_names_comes_first(repo: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (repo / f"{name}.py").write_text(f"def in_{name}(): ...\n")
    for name in ("one", "two"):
        assert mapped(repo, tmp_path / "s.db", f"fix {name}.py").startswith(f"{name}.py\ndef in_{name}()")


def test_a_suspicious_file_comes_first(repo: Path, tmp_path: Path) -> None:
    graph = SymbolGraph(table(repo, tmp_path / "s.db"))
    assert repo_map(graph, "", 1000, {"tests/test_calc.py": 1.0}).startswith("tests/test_calc.py")


def test_files_that_are_shown_elsewhere_are_left_out(repo: Path, tmp_path: Path) -> None:
    graph = SymbolGraph(table(repo, tmp_path / "s.db"))
    assert "calc.py\n" in repo_map(graph, "add", 1000)
    assert repo_map(graph, "add", 1000, shown={"calc.py": range(1, 9)}).startswith("tests/test_calc.py\n")


def test_what_is_shown_of_a_file_is_left_out_of_its_part_of_the_map(repo: Path, tmp_path: Path) -> None:
    graph = SymbolGraph(table(repo, tmp_path / "s.db"))
    assert repo_map(graph, "add", 1000, shown={"calc.py": {1, 2}}).startswith("calc.py\ndef double(a)\n")


def test_the_best_places_are_those_that_the_task_names(repo: Path, tmp_path: Path) -> None:
    graph = SymbolGraph(table(repo, tmp_path / "s.db"))
    ((place, share),) = best_places(graph, "`double` is wrong", 1)
    assert place == ("calc.py", 5)
    assert 0 < share < 1


def test_a_file_that_others_use_comes_first_without_a_task(repo: Path, tmp_path: Path) -> None:
    assert mapped(repo, tmp_path / "s.db", "").startswith("calc.py\ndef add(a, b)\ndef double(a)")


def test_a_method_is_shown_below_its_class(repo: Path, tmp_path: Path) -> None:
    (repo / "shop.py").write_text("class Basket:\n    size = 1\n\n    def add_item(self): ...\n")
    assert "class Basket\n    def add_item(self)" in mapped(repo, tmp_path / "s.db", "`add_item` fails")


def test_the_map_keeps_its_budget(repo: Path, tmp_path: Path) -> None:
    (repo / "long.py").write_text("".join(f"def function_{i}(): ...\n" for i in range(500)))
    sizes = [count_tokens(mapped(repo, tmp_path / "s.db", "long.py", budget)) for budget in (0, 20, 200)]
    assert sizes[0] == 0
    assert all(0 < size <= budget for size, budget in zip(sizes[1:], (20, 200), strict=True))


def test_names_that_are_no_utf_8_are_survived(repo: Path, tmp_path: Path) -> None:
    (repo / "caf\udce9.py").write_text("def coffee_cup(): ...\n")
    assert "caf\\udce9.py" in mapped(repo, tmp_path / "s.db", "coffee_cup").encode("utf-8").decode()


def test_a_repository_without_source_has_an_empty_map(repo: Path, tmp_path: Path) -> None:
    for path in ("calc.py", "tests/test_calc.py"):
        (repo / path).unlink()
    assert mapped(repo, tmp_path / "s.db", "add") == ""


def test_two_processes_share_a_cache(repo: Path, tmp_path: Path) -> None:
    for i in range(60):
        (repo / f"m{i}.py").write_text(f"def f{i}(): ...\n")
    code = (
        "import sys; from pathlib import Path; from agent.workspace import Repository\n"
        "from agent.symbol_cache import SymbolCache; from agent.symbol_table import symbols_of\n"
        "r = Repository.open(Path(sys.argv[1]))\n"
        "with SymbolCache(Path(sys.argv[2])) as c: print(len(symbols_of(r, r.snapshot(), c).paths))\n"
    )
    command = [sys.executable, "-c", code, str(repo), str(tmp_path / "s.db")]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate()[0].strip() for run in runs] == ["62", "62"]
    assert table(repo, tmp_path / "s.db").parsed == 0


def test_a_run_of_the_embedded_policy_does_not_pay_for_the_map(repo: Path) -> None:
    code = (
        "import io, sys; from pathlib import Path; from rich.console import Console; from agent.run import *\n"
        "options = RunOptions('add is wrong', Path(sys.argv[1]), '', candidates=2, sandbox='none', delivery='none')\n"
        "run(options, None, Console(file=io.StringIO()), Console(file=io.StringIO()))\n"
        "print([name for name in ('openai', 'tree_sitter', 'agent.symbols') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(repo)], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
    assert not MemoryHome.for_repository(Repository.open(repo).common_dir).symbols.exists()
