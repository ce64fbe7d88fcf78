"""Each signal finds what it is there for, in a handful of files."""

from collections import Counter

import pytest

from memory.file_rank import PastCommit, by_text, rank_files, weighted_words
from memory.file_text import FileText
from memory.mentioned_files import files_of_areas, mentioned_files
from memory.words import words

FILES = {
    "shop/prices.py": FileText.of("def discount(price):\n    return price * 0.9\n"),
    "shop/stock.py": FileText.of("class Warehouse:\n    def take(self, item):\n        self.items.remove(item)\n"),
    "shop/basket.py": FileText.of("from shop.prices import discount\n\ndef total(items):\n    return sum(items)\n"),
    "shop/export.py": FileText.of("def write(rows):\n    for row in rows:\n        print(row)\n"),
}


def first(question: str, history: tuple[PastCommit, ...] = ()) -> str:
    return next(iter(rank_files(question, FILES, history)))


def past(message: str, *paths: str) -> PastCommit:
    return PastCommit(Counter(words(message)), paths)


def test_words_of_the_text_find_a_file() -> None:
    assert first("an item that is not there cannot be removed from the items") == "shop/stock.py"


def test_who_defines_a_name_goes_before_who_uses_it() -> None:
    assert first("discount is wrong") == "shop/prices.py"


def test_a_path_or_module_that_is_written_out_goes_first() -> None:
    assert first("item items remove take, see shop/export.py") == "shop/export.py"
    assert first("item items remove take, see `shop.export`") == "shop/export.py"


def test_a_path_of_another_machine_is_still_that_path() -> None:
    trace = 'File "/opt/venv/lib/python3.12/site-packages/shop/export.py", line 3, in write'
    assert first(f"item items remove take\n{trace}") == "shop/export.py"


def test_a_method_written_with_its_module_names_the_file() -> None:
    assert first("item items remove take, by shop.export.Writer.close") == "shop/export.py"


def test_other_endings_of_a_word_are_the_same_word() -> None:
    assert first("the discounting of prices") == "shop/prices.py"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["public\n", "func (\n"])
def test_a_column_of_keywords_is_read_in_time_that_is_proportional_to_it(line: str) -> None:
    assert FileText.of(line * 100_000).defines == frozenset()


def test_what_changes_with_the_best_file_goes_before_what_does_not() -> None:
    files = {
        "a/schema.py": FileText.of("rows = 1\n"),
        "b/schema.py": FileText.of("rows = 1\n"),
        "parser.py": FileText.of("def parse_rows(): pass\n"),
    }
    history = [past("x", "parser.py", "b/schema.py")] * 3 + [past("y", "a/schema.py")] * 3
    assert list(rank_files("parse_rows", files, ())) == ["parser.py", "a/schema.py", "b/schema.py"]
    assert list(rank_files("parse_rows", files, history)) == ["parser.py", "b/schema.py", "a/schema.py"]


def test_past_commits_know_words_that_the_code_does_not() -> None:
    history = (past("Fix the CSV of the accountants", "shop/export.py"), past("Faster stock", "shop/stock.py"))
    assert first("The accountants cannot read the CSV", history) == "shop/export.py"


def test_files_of_the_past_that_are_gone_are_not_named() -> None:
    assert "shop/csv.py" not in rank_files("CSV", FILES, [past("The CSV", "shop/csv.py")])


def test_a_long_file_is_found_by_one_of_its_functions() -> None:
    noise = "\n".join(f"def helper{n}(left, right):\n    return left + right + {n}\n" for n in range(200))
    files = {
        "long.py": FileText.of(noise + "def parse_timezone(text):\n    return text.offset\n"),
        "short.py": FileText.of("def parse(text):\n    return text\n"),
    }
    assert next(iter(rank_files("parse the timezone offset of a text", files, ()))) == "long.py"


def test_what_stands_at_the_top_of_a_file_says_what_it_is_for() -> None:
    opening = '"""{} go here every single day."""\n\ndef last(right):\n    return {}\n'
    files = {
        "a.py": FileText.of(opening.format("Accounts", "invoices")),
        "b.py": FileText.of(opening.format("Invoices", "accounts")),
    }
    assert list(rank_files("invoices", files, ())) == ["b.py", "a.py"]


def test_a_line_that_begins_with_a_folder_is_about_its_files() -> None:
    files = {folder + "/load.py": FileText.of("def load(path):\n    return path\n") for folder in ("agent", "cache")}
    assert next(iter(rank_files("load\n\ncache: no agent", files, ()))) == "cache/load.py"
    assert next(iter(rank_files("load\n\nagent: no cache", files, ()))) == "agent/load.py"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("memory: recall is slow", ["memory/notes.py", "web_ui/memory.py"]),
        ("- **Memory**: recall is slow", ["memory/notes.py", "web_ui/memory.py"]),
        ("fix(web-ui)!: a button", ["web_ui/memory.py"]),
        ("web: memory/notes: gone", ["memory/notes.py"]),
        ("web, src/agent: gone", ["src/agent/run.py"]),
        ("memory:1: in run", []),
        ("in memory, run is: slow", []),
        ("https://memory: slow", []),
    ],
)
def test_areas_are_folders_and_files_at_the_beginning_of_a_line(line: str, found: list[str]) -> None:
    files = ["memory/notes.py", "web_ui/memory.py", "src/agent/run.py"]
    assert list(files_of_areas(f"A title\n{line}", files)) == found


def test_the_first_line_says_most_and_trailers_say_nothing() -> None:
    asked = weighted_words("Fix totals\n\nbody words\n\nSigned-off-by: Zoe <z@example.org>\nhttps://example.org/x")
    assert asked["totals"] == 2 and asked["body"] == 1 and "zoe" not in asked and "example" not in asked


def test_where_nothing_matches_nothing_is_ranked() -> None:
    assert rank_files("quantum chromodynamics", FILES, ()) == {}
    assert by_text("quantum chromodynamics", FILES) == {}


@pytest.mark.timeout(20)
def test_data_in_a_question_takes_no_time() -> None:
    assert not mentioned_files("a/" * 50_000 + "a." * 50_000, {"pkg/mod.py": FileText.of("x = 1\n")})
    for data in ("_" * 500_000, "a, " * 200_000, "a: " * 200_000, "-" * 500_000 + ": x"):
        assert not files_of_areas(data, ["pkg/mod.py"])
