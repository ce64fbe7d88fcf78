"""Functions to practise on: from Python source trees and wheels to the normal form of agent/function_view.py.

    python -m ttrl_adapter.corpus --out train.jsonl --without held_out.jsonl --stdlib WHEELS...

Packages that public repair benchmarks are made of are left out, and so is any function that bears the name of a
benchmark program or of a program in evals/data/classics: nothing that is measured is trained on.
"""

import argparse
import ast
import json
import random
import sysconfig
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.function_view import parse, strip, units

MIN_LINES, MAX_LINES, MAX_CHARACTERS = 3, 32, 1400
MAX_PER_PLACE = 6000

BENCHMARK_PACKAGES = frozenset(
    "ansible astroid astropy black cookiecutter django fastapi flask httpie keras luigi marshmallow matplotlib "
    "pandas pvlib pydicom pylint pysnooper pytest pyvista qutebrowser requests sanic scikit_learn sklearn scrapy "
    "seaborn spacy sphinx sqlfluff sympy thefuck tornado tqdm xarray youtube_dl human_eval evalplus quixbugs".split()
)
"""Repositories of SWE-bench (test and dev), BugsInPy, HumanEval and QuixBugs."""

BENCHMARK_NAMES = frozenset(
    "bitcount breadth_first_search bucketsort bucket_sort depth_first_search detect_cycle find_first_in_sorted "
    "find_in_sorted flatten gcd get_factors hanoi is_valid_parenthesization kheapsort knapsack kth lcs_length "
    "levenshtein lis longest_common_subsequence max_sublist_sum mergesort merge_sort minimum_spanning_tree "
    "next_palindrome next_permutation pascal possible_change powerset quicksort quick_sort reverse_linked_list "
    "rpn_eval shortest_path_length shortest_path_lengths shortest_paths shunting_yard sieve sqrt subsequences to_base "
    "topological_ordering wrap".split()
)
"""The programs of QuixBugs, by name."""


def read_functions(places: Iterable[Path], excluded_names: frozenset[str] = BENCHMARK_NAMES) -> Iterator[str]:
    """Normal forms of the distinct units under folders and in wheels, in a fixed order, at most MAX_PER_PLACE each."""
    seen: set[str] = set()
    for place in places:
        found = [t for source in _sources(place) for t in units_of(source, excluded_names) if t not in seen]
        found = list(dict.fromkeys(found))
        random.Random(place.name).shuffle(found)
        seen.update(found[:MAX_PER_PLACE])
        yield from found[:MAX_PER_PLACE]


def _sources(place: Path) -> Iterator[str]:
    """The Python files of a wheel or a folder, tests and benchmark packages left out."""
    if place.suffix == ".whl":
        with zipfile.ZipFile(place) as wheel:
            for name in sorted(wheel.namelist()):
                if _is_wanted(name):
                    yield wheel.read(name).decode("utf-8", errors="replace")
    else:
        for path in sorted(place.rglob("*.py")):
            if _is_wanted(path.relative_to(place).as_posix()):
                yield path.read_text(encoding="utf-8", errors="replace")


def _is_wanted(name: str) -> bool:
    parts = name.lower().removesuffix(".py").split("/")
    return (
        name.endswith(".py")
        and not BENCHMARK_PACKAGES.intersection(parts)
        and not {"test", "tests", "testing", "site-packages", "idle_test", "lib2to3"}.intersection(parts)
        and not parts[-1].startswith("test_")
        and not parts[-1].endswith("_test")
    )


def units_of(source: str, excluded_names: frozenset[str]) -> Iterator[str]:
    """Normal forms of the units of a source that are neither too short nor too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parse(source)
    if tree is None or len(source) > 2_000_000:
        return
    for unit in units(tree):
        first = unit[0]
        if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef):
            if first.name.lower().strip("_") in excluded_names:
                continue
        elif len(unit) > 12:
            unit = unit[:12]
        try:
            if (unit[-1].end_lineno or 0) - first.lineno > 5 * MAX_LINES:
                continue
            strip(list(unit))
            text = ast.unparse(ast.Module(body=list(unit), type_ignores=[]))
        except (RecursionError, ValueError):
            continue
        if MIN_LINES <= text.count("\n") + 1 <= MAX_LINES and len(text) <= MAX_CHARACTERS and text.isascii():
            yield text


def write_functions(texts: Iterable[str], path: Path) -> int:
    """One JSON string a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps(text) + "\n")
            count += 1
    return count


def load_functions(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", type=Path, help="wheels and folders")
    parser.add_argument("--stdlib", action="store_true", help="the standard library of this Python too")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, one function each")
    parser.add_argument("--without", type=Path, help="functions that must not be in it (the held-out ones)")
    parser.add_argument("--without-names", type=Path, help="JSON list of function names that must not be in it")
    given = parser.parse_args()
    places = [*([Path(sysconfig.get_path("stdlib"))] if given.stdlib else []), *sorted(given.places)]
    names = BENCHMARK_NAMES | set(json.loads(given.without_names.read_text()) if given.without_names else ())
    held_out = set(load_functions(given.without)) if given.without else set()
    count = write_functions((text for text in read_functions(places, names) if text not in held_out), given.out)
    print(f"{count:,} functions in {given.out}")  # noqa: T201


if __name__ == "__main__":
    main()
