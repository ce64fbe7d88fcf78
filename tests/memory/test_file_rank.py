"""Each signal finds what it is there for, in a handful of files."""

from collections import Counter

from memory.file_rank import FileText, PastCommit, by_text, rank_files, weighted_words
from memory.words import words

FILES = {
    "shop/prices.py": FileText("def discount(price):\n    return price * 0.9\n"),
    "shop/stock.py": FileText("class Warehouse:\n    def take(self, item):\n        self.items.remove(item)\n"),
    "shop/basket.py": FileText("from shop.prices import discount\n\ndef total(items):\n    return sum(items)\n"),
    "shop/export.py": FileText("def write(rows):\n    for row in rows:\n        print(row)\n"),
}


def first(question: str, history: tuple[PastCommit, ...] = ()) -> str:
    return rank_files(question, FILES, history)[0]


def past(message: str, *paths: str) -> PastCommit:
    return PastCommit(Counter(words(message)), paths)


def test_words_of_the_text_find_a_file() -> None:
    assert first("an item that is not there cannot be removed from the items") == "shop/stock.py"


def test_who_defines_a_name_goes_before_who_uses_it() -> None:
    assert first("discount is wrong") == "shop/prices.py"


def test_a_path_or_module_that_is_written_out_goes_first() -> None:
    assert first("item items remove take, see shop/export.py") == "shop/export.py"
    assert first("item items remove take, see `shop.export`") == "shop/export.py"


def test_past_commits_know_words_that_the_code_does_not() -> None:
    history = (past("Fix the CSV of the accountants", "shop/export.py"), past("Faster stock", "shop/stock.py"))
    assert first("The accountants cannot read the CSV", history) == "shop/export.py"


def test_files_of_the_past_that_are_gone_are_not_named() -> None:
    assert "shop/csv.py" not in rank_files("CSV", FILES, [past("The CSV", "shop/csv.py")])


def test_a_long_file_is_found_by_one_of_its_functions() -> None:
    noise = "\n".join(f"def helper{n}(left, right):\n    return left + right + {n}\n" for n in range(200))
    files = {
        "long.py": FileText(noise + "def parse_timezone(text):\n    return text.offset\n"),
        "short.py": FileText("def parse(text):\n    return text\n"),
    }
    assert rank_files("parse the timezone offset of a text", files, ())[0] == "long.py"


def test_the_first_line_says_most_and_trailers_say_nothing() -> None:
    asked = weighted_words("Fix totals\n\nbody words\n\nSigned-off-by: Zoe <z@example.org>\nhttps://example.org/x")
    assert asked["totals"] == 2 and asked["body"] == 1 and "zoe" not in asked and "example" not in asked


def test_where_nothing_matches_nothing_is_ranked() -> None:
    assert rank_files("quantum chromodynamics", FILES, ()) == []
    assert by_text("quantum chromodynamics", FILES) == {}
