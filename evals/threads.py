"""Carries out the same work on many items in threads of this process; executor.py does it on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def carry_out(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, stop: Callable[[], None]
) -> Iterator[Result]:
    """Results as they come. Where it is left early or interrupted, `stop` has to end what the threads wait for."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
