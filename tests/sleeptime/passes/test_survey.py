"""What is seen without a model, in real repositories."""

from pathlib import Path

from sleeptime.passes.survey import Survey
from tests.sleeptime.desk import commit, git, open_desk, sleep_once


def surveyed(repo: Path, test_command: str | None = None) -> list[str]:
    with open_desk(repo, test_command=test_command) as study:
        sleep_once(study, Survey())
        broken = study.notes.broken()
        return sorted(note.text for note in study.notes.log.notes() if note.id not in broken)


def test_a_file_is_described_by_its_own_words_and_its_signatures(repo: Path) -> None:
    commit(repo, "shop.py", '"""Prices of the shop. In cents."""\n\nRATE = 2\n\n\ndef total(items):\n    return 1\n')
    assert 'shop.py says of itself: "Prices of the shop." It defines: def total(items) | and 1 more' in surveyed(repo)


def test_a_file_is_known_by_those_that_use_it(repo: Path) -> None:
    commit(repo, "shop/prices.py", "def total(items):\n    return 1\n")
    commit(repo, "shop/till.py", "from shop.prices import total\n\n\ndef pay(items):\n    return total(items)\n")
    assert "shop/prices.py is used by shop/till.py (total)." in surveyed(repo)


def test_who_calls_a_method_of_the_same_name_is_no_user(repo: Path) -> None:
    commit(repo, "shop/prices.py", "def total(items):\n    return 1\n")
    commit(repo, "shop/other.py", "def pay(order):\n    return order.total()\n")
    assert not [text for text in surveyed(repo) if "used by" in text]


def test_a_note_on_users_is_stale_where_a_user_has_changed(repo: Path) -> None:
    commit(repo, "shop/prices.py", "def total(items):\n    return 1\n")
    commit(repo, "shop/till.py", "from shop.prices import total\n\n\ndef pay(items):\n    return total(items)\n")
    surveyed(repo)
    commit(repo, "shop/till.py", "def pay(items):\n    return 0\n")
    with open_desk(repo) as study:
        [note] = [note for note in study.notes.log.notes() if "used by" in note.text]
        assert note.id in study.notes.broken()
    assert not [text for text in surveyed(repo) if "used by" in text]


def test_files_that_change_together_are_named(repo: Path) -> None:
    for number in range(4):
        (repo / "schema.py").write_text(f"def schema():\n    return {number}\n")
        commit(repo, "calc.py", f"def add(a, b):\n    return a + b + {number}\n")
    told = "changed in 5 commits, mostly together with schema.py (4 times)"
    assert [text for text in surveyed(repo) if told in text]


def test_files_that_change_most_are_those_that_have_changed(repo: Path) -> None:
    for number in range(12):
        (repo / f"part{number}.py").write_text(f"def part_of_{number}():\n    return 1\n")
    commit(repo, "part12.py", "def part_of_12():\n    return 1\n")
    assert not [text for text in surveyed(repo) if "change most" in text]
    commit(repo, "part7.py", "def part_of_7():\n    return 2\n")
    assert [text for text in surveyed(repo) if text.endswith("Those that change most at present: part7.py.")]


def test_after_a_commit_only_what_it_touched_is_looked_at_again(repo: Path) -> None:
    for number in range(6):
        commit(repo, f"part{number}.py", f"def part_of_{number}():\n    return 1\n")
    for number in range(3):  # two files that change together are known by that
        (repo / "part1.py").write_text(f"def part_of_1():\n    return {number}\n")
        commit(repo, "part2.py", f"def part_of_2():\n    return {number}\n")
    surveyed(repo)
    commit(repo, "part3.py", "def part_of_3():\n    return 2\n")
    with open_desk(repo) as study:
        assert sleep_once(study, Survey()).passes["survey"].finished == 1


def test_a_dirty_tree_is_surveyed_as_it_is(repo: Path) -> None:
    (repo / "calc.py").write_text("def subtract(a, b):\n    return a - b\n")
    assert "calc.py defines: def subtract(a, b)" in surveyed(repo)


def test_how_to_run_the_tests_is_told(repo: Path) -> None:
    commit(repo, "Makefile", "test: deps\n\tpytest\n\nlint:\n\truff check\n")
    [told] = [text for text in surveyed(repo, "pytest -q") if text.startswith("The tests run")]
    assert (
        "`pytest -q`" in told and "Makefile has the targets test, lint." in told and "Test files lie in tests" in told
    )


def test_entry_points_and_conventions_are_told(repo: Path) -> None:
    toml = '[project.scripts]\nshop = "shop.cli:main"\n[tool.ruff]\nline-length = 99\n[tool.mypy]\nstrict = true\n'
    commit(repo, "pyproject.toml", toml)
    texts = " ".join(surveyed(repo))
    assert "command shop = shop.cli:main" in texts and "Lines have at most 99 characters." in texts
    assert "mypy is strict" in texts


def test_configuration_that_is_no_configuration_is_left_alone(repo: Path) -> None:
    (repo / "package.json").write_text('["no", "object"]')
    commit(repo, "pyproject.toml", "this is [not toml")
    assert surveyed(repo)


def test_what_a_repository_says_is_quoted_and_secrets_are_not_kept(repo: Path) -> None:
    secret = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"
    commit(repo, "keys.py", f'"""The key is {secret} for all."""\n\n\ndef key():\n    return 1\n')
    assert not [text for text in surveyed(repo) if secret in text]


def test_an_empty_repository_has_nothing_to_say(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "repo")
    assert surveyed(tmp_path / "repo") == []


def test_names_that_nobody_can_type_are_left_out(repo: Path) -> None:
    commit(repo, "tab\there.py", "def odd():\n    return 1\n")
    assert not [text for text in surveyed(repo) if "odd" in text]
