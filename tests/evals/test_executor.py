"""The same work in threads, and on a local Ray cluster, where a worker is killed in the middle."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evals.threads import carry_out


def double(number: int) -> int:
    return 2 * number


def never() -> None:
    raise AssertionError("nothing has to be stopped")


def test_threads_do_all_of_it() -> None:
    assert sorted(carry_out(double, range(5), 2, never)) == [0, 2, 4, 6, 8]


def test_what_is_under_way_is_stopped_where_it_is_left_early() -> None:
    stopped = []
    results: Any = carry_out(double, range(5), 1, lambda: stopped.append(True))
    next(results)
    results.close()

    assert stopped == [True]


needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="ray is not installed")


def die_once(folder: Path, number: int) -> tuple[int, int]:
    """The process of the third item is killed at its first try; each try leaves a file."""
    tries = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tries}").touch()
    if number == 3 and tries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def always_die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine."""
    ray = pytest.importorskip("ray")
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": os.getcwd()}}
    )
    yield
    ray.shutdown()


@needs_ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
def test_a_killed_worker_loses_nothing(cluster: None, tmp_path: Path) -> None:
    from evals.executor import carry_out as on_ray

    def gone(number: int, problem: str) -> tuple[int, int]:
        raise AssertionError(problem)

    done = list(on_ray(partial(die_once, tmp_path), range(6), gone, workers=2))

    assert sorted(number for number, _ in done) == list(range(6))
    assert len(list(tmp_path.glob("3-*"))) == 2
    assert os.getpid() not in {process for _, process in done}


@needs_ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
def test_what_kills_every_worker_ends_nothing(cluster: None) -> None:
    from evals.executor import carry_out as on_ray

    [problem] = on_ray(always_die, [1], lambda number, why: why, workers=1)  # type: ignore[arg-type, return-value, unused-ignore]

    assert "WorkerCrashedError" in str(problem)
