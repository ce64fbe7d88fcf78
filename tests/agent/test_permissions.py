"""Which commands of a model may run, and how command lines are taken apart to tell."""

import pytest

from agent.errors import ConfigError
from agent.permissions import Permissions, visible
from agent.shell_commands import Unclear, simple_commands


def words(line: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in simple_commands(line)]


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("ls", [["ls"]]),
        ("ls; rm -rf x", [["ls"], ["rm", "-rf", "x"]]),
        ("a && b || c | d |& e & f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("ls\nrm x", [["ls"], ["rm", "x"]]),
        ("ls # rm x\npwd", [["ls"], ["pwd"]]),
        ("ls a#b", [["ls", "a#b"]]),
        ("echo 'a; b' \"c && d\"", [["echo", "a; b", "c && d"]]),
        ("r\\\nm x", [["rm", "x"]]),
        ("ls \\\n -l", [["ls", "-l"]]),
        ("r''m x", [["rm", "x"]]),
        ('"rm" x', [["rm", "x"]]),
        ("\\rm x", [["rm", "x"]]),
        ("echo $(rm x)", [["rm", "x"], ["echo", "$(rm x)"]]),
        ('echo "$(rm x)"', [["rm", "x"], ["echo", "$(rm x)"]]),
        ("echo `rm x`", [["rm", "x"], ["echo", "`rm x`"]]),
        ("echo '$(rm x)'", [["echo", "$(rm x)"]]),
        ("echo $(a $(b))", [["b"], ["a", "$(b)"], ["echo", "$(a $(b))"]]),
        ("A=1 B=$(rm x) ls", [["rm", "x"], ["ls"]]),
        ("ls > out 2>&1 < in", [["ls"]]),
        ("", []),
        ("  # nothing", []),
    ],
)
def test_a_command_line_is_taken_apart(line: str, commands: list[list[str]]) -> None:
    assert words(line) == commands


@pytest.mark.parametrize(
    "line",
    [
        "cat <<EOF\n$(rm x)\nEOF",
        "cat <<< x",
        "for f in *; do rm $f; done",
        "if true; then rm x; fi",
        "while true; do rm x; done",
        "f() { rm x; }; f",
        "{ rm x; }",
        "(rm x)",
        "! rm x",
        "[[ -e x ]]",
        "diff <(rm x) y",
        "tee >(rm x)",
        "$CMD x",
        "$(echo rm) x",
        "`echo rm` x",
        "{rm,x}",
        "r? x",
        "~/x",
        "$'rm' x",
        "echo $((1 + 1))",
        "echo ${x:-$(rm x)}",
        "A=1",
        "> file",
        "echo 'x",
        'echo "x',
        "echo $(x",
        "echo `x",
        "ls >",
        "ls\u202e x",
        "ls\x00 x",
        "ls\r rm x",
        "echo " + "$(" * 50,
    ],
)
def test_what_cannot_be_told_for_sure_is_unclear(line: str) -> None:
    with pytest.raises(Unclear):
        simple_commands(line)


def is_allowed(command: str, *allow: str, deny: tuple[str, ...] = (), own: str | None = None) -> bool:
    return Permissions(is_sandboxed=False, allow=allow, deny=deny, own=own).problem(command) is None


@pytest.mark.parametrize(
    ("rule", "command", "allowed"),
    [
        ("ls", "ls", True),
        ("ls", "ls; rm -rf x", False),
        ("ls", "ls && rm x", False),
        ("ls", "ls | xargs rm", False),
        ("ls", "ls & rm x", False),
        ("ls", "ls\nrm x", False),
        ("ls *", "ls $(rm x)", False),
        ("ls *", "ls `rm x`", False),
        ("ls *", 'ls "$(rm x)"', False),
        ("ls *", "ls <(rm x)", False),
        ("ls *", "ls > ~/.bashrc", False),
        ("ls *", "ls 2>/dev/null", True),
        ("ls *", "ls -l 2>&1", True),
        ("ls", "ls -l", False),
        ("pytest *", "pytest", True),
        ("pytest *", "pytest -x tests", True),
        ("pytest *", "pytest -x && pytest -q", True),
        ("pytest *", "pytest-evil", False),
        ("pytest *", "PATH=. pytest", False),
        ("pytest *", "env pytest", False),
        ("pytest *", "sudo pytest", False),
        ("pytest *", "./pytest", False),
        ("pytest *", "cat <<EOF | pytest\nx\nEOF", False),
        ("git diff *", "git diff a.py", True),
        ("git diff *", "git push", False),
        ("git diff *", "git $X", False),
        ("npm run test:*", "npm run test:unit", True),
        ("npm run test:*", "npm run build", False),
    ],
)
def test_a_rule_allows_only_whole_commands(rule: str, command: str, allowed: bool) -> None:
    assert is_allowed(command, rule) is allowed


def test_every_part_may_be_allowed_by_a_rule_of_its_own() -> None:
    assert is_allowed("cd src && pytest -q | tail -5", "cd *", "pytest *", "tail *")


@pytest.mark.parametrize(
    "command",
    [
        "rm x",
        "ls; rm x",
        "/bin/rm x",
        "\\rm x",
        "r'm' x",
        "A=1 rm x",
        "sudo rm x",
        "env A=1 rm x",
        "xargs rm",
        "sh -c 'rm x'",
        "bash -c 'ls; rm x'",
        "find . -exec rm {} +",
        "echo $(rm x)",
        "git push",
        "git -C x push",
        "git $X",
        "for f in *; do rm $f; done",
        "$CMD x",
    ],
)
@pytest.mark.parametrize("is_sandboxed", [True, False])
def test_a_denied_command_is_found_wherever_it_hides(command: str, is_sandboxed: bool) -> None:
    rules = ["rm *", "git push *"]
    assert Permissions(is_sandboxed=is_sandboxed, allows_all=True, deny=rules).problem(command)


@pytest.mark.parametrize("command", ["ls", "git diff", "pytest -k rm_works", "echo $HOME"])
def test_other_commands_are_not_denied(command: str) -> None:
    assert Permissions(is_sandboxed=True, deny=["rm *", "git push *"]).problem(command) is None


def test_denying_comes_before_allowing() -> None:
    assert not is_allowed("git push", "git *", deny=("git push",))


def test_inside_the_sandbox_everything_may_run() -> None:
    assert Permissions(is_sandboxed=True).problem("for f in *; do rm $f; done") is None


def test_yes_lets_everything_run() -> None:
    assert Permissions(is_sandboxed=False, allows_all=True).problem("$(x)") is None


def test_the_users_own_test_command_may_run() -> None:
    assert is_allowed("make test && true", own="make test && true")
    assert not is_allowed("make test && rm x", own="make test && true")


def test_without_anybody_to_ask_a_command_is_refused_and_what_is_allowed_is_told() -> None:
    problem = Permissions(is_sandboxed=False, allow=["pytest *"], own="make test").problem("ls")
    assert problem and "`pytest *`" in problem and "`make test`" in problem


def test_the_user_is_asked_once_for_each_command() -> None:
    asked: list[str] = []
    answers = {"ls": True, "rm x": False}

    def ask(question: str) -> bool:
        asked.append(question)
        return next(answer for command, answer in answers.items() if command in question)

    permissions = Permissions(is_sandboxed=False, ask=ask)
    assert [permissions.problem(command) is None for command in ("ls", "rm x", "ls", "rm x")] == [
        True,
        False,
        True,
        False,
    ]
    assert len(asked) == 2


def test_a_question_hides_nothing() -> None:
    assert visible("ls \u202e\x1b[2K\rrm x\npwd") == "ls \\u202e\\x1b[2K\\rrm x\npwd"


@pytest.mark.parametrize("rule", ["", " ", "*", "echo 'x"])
def test_a_rule_that_says_nothing_is_a_configuration_error(rule: str) -> None:
    with pytest.raises(ConfigError):
        Permissions(is_sandboxed=False, allow=[rule])


def test_the_own_command_may_leave_tests_out() -> None:
    permissions = Permissions(is_sandboxed=False, own="pytest -q")
    assert permissions.problem("pytest -q --deselect tests/a.py::test_b") is None
    assert permissions.problem("pytest -q --deselect x; rm -rf .") is not None
    assert permissions.problem("pytest -q --pdb x") is not None
