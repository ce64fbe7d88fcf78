"""The suite that comes along: fixed commits, and tests that the gold patches are the answer to."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from evals.swe.environment import Environment
from evals.swe.grade import command_of
from evals.swe.instances import Instance
from evals.swe.suite import build, dataset
from evals.swe.verdict import END, EXIT_CODE, START, judge, read_log

INSTANCES = dataset().instances
REPOS = sorted({instance.repo for instance in INSTANCES})


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("suite") / "mirrors")


def git(directory: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_there_are_enough_of_them() -> None:
    assert len(INSTANCES) >= 20 and len(REPOS) >= 4 and not dataset().malformed
    assert {instance.difficulty for instance in INSTANCES} == {"shown", "line", "lines", "files"}


def test_the_rows_have_the_fields_of_swe_bench() -> None:
    lines = (files("evals") / "data" / "swe" / "instances.jsonl").read_text(encoding="utf-8").splitlines()
    fields = {"repo", "instance_id", "base_commit", "patch", "test_patch", "problem_statement", "hints_text"}
    fields |= {"created_at", "version", "FAIL_TO_PASS", "PASS_TO_PASS", "environment_setup_commit"}

    assert all(fields <= json.loads(line).keys() for line in lines)


@pytest.mark.parametrize("repo", REPOS)
def test_the_base_commits_are_the_same_everywhere(repo: str, mirrors: Path) -> None:
    known = git(mirrors / repo.replace("/", "__"), "log", "--format=%H").split()

    assert {instance.base_commit for instance in INSTANCES if instance.repo == repo} <= set(known)


def run_tests(instance: Instance, place: Path) -> str:
    environment = Environment(Path(sys.executable))
    command = f"{command_of(instance, environment)} -p no:cacheprovider"
    variables = {**environment.variables, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, shell=True, cwd=place, env=variables, capture_output=True, text=True, timeout=60)
    return f"{START}\n{done.stdout}{END}\n{EXIT_CODE}: {done.returncode}\n"


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.instance_id)
def test_the_gold_patch_resolves_it_and_nothing_less_does(instance: Instance, mirrors: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    git(tmp_path, "clone", "--quiet", "--shared", str(mirrors / instance.repo.replace("/", "__")), str(place))
    git(place, "checkout", "--quiet", "--detach", instance.base_commit)
    git(place, "apply", "-", stdin=instance.test_patch)

    before = read_log(run_tests(instance, place))
    git(place, "apply", "-", stdin=instance.patch)
    after = read_log(run_tests(instance, place))

    assert after and judge(after, instance.fail_to_pass, instance.pass_to_pass).is_resolved
    found = judge(before or {}, instance.fail_to_pass, instance.pass_to_pass)
    assert not found.FAIL_TO_PASS.success and not found.PASS_TO_PASS.failure


def test_the_next_commit_holds_the_fix(mirrors: Path) -> None:
    """So a repository that is not cut gives the answer away: the suite tests that cutting matters."""
    first = INSTANCES[0]
    log = git(mirrors / first.repo.replace("/", "__"), "log", "--format=%s", f"{first.base_commit}..main")

    assert first.problem_statement.splitlines()[0] in log
