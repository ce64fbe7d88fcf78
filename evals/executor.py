"""Carries out the same work on many items as tasks of a Ray cluster: the only file that knows Ray.

A task whose worker or node dies is tried again elsewhere. Workers need this package, and what the work reaches by path
or address; secrets come from their own environment, never with the task.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import ray

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 3
_FAREWELL = 15.0  # seconds for what is cancelled to end what it has started


def carry_out(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    failed: Callable[[Item, str], Result],
    *,
    workers: int,
    address: str | None = None,
    cpus: float = 1.0,
) -> Iterator[Result]:
    """Results as they come, of at most `workers` tasks at a time with `cpus` each.

    `address` is the cluster's, None for the one that $RAY_ADDRESS names or else one on this machine. `failed` makes the
    result of an item that could not be worked on however often it was tried.
    """
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(address=address, log_to_driver=False)
    task: Any = ray.remote(num_cpus=cpus, max_retries=RETRIES)(_call)
    shared = ray.put(work)
    left = list(reversed(items))
    running: dict[Any, Item] = {}  # by Ray's reference
    try:
        while left or running:
            while left and len(running) < workers:
                item = left.pop()
                running[task.remote(shared, item)] = item
            [done], _ = ray.wait(list(running), num_returns=1)
            item = running.pop(done)
            try:
                result: Result = ray.get(done)
            except ray.exceptions.RayError as error:
                result = failed(item, f"{type(error).__name__}: {str(error).splitlines()[0]}")
            yield result
    finally:
        for reference in running:  # not by force: a task ends what it has started
            ray.cancel(reference)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=_FAREWELL)
        if is_ours:
            ray.shutdown()


def _call(work: Callable[[Item], Result], item: Item) -> Result:
    return work(item)
