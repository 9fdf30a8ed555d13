"""A program that tests start, and kill: it writes a graph as Parquet with an executor, and says how far it is.

python faults_driver.py HOW TARGET: first a line of process numbers (of the workers), then a line after each part.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np

from netgraph import write_graph
from netgraph.errors import TableError
from netgraph.graph.formats import cutting
from netgraph.graph.graph import Graph

PARTS = 26
PAUSE = 0.03
"""Seconds after each part."""


def graph() -> Graph:
    """Its edges fill PARTS parts of 20,000."""
    cutting.PART, cutting.TILE = 20_000, 10_000
    rng = np.random.default_rng(0)
    return Graph.from_matrices([rng.standard_normal(shape).astype(np.float32) for shape in ((400, 1000), (300, 400))])


def ready(_: int) -> int:
    """Long enough that every worker takes one."""
    time.sleep(0.2)
    return os.getpid()


@contextmanager
def workers(how: str) -> Iterator[tuple[Executor | None, list[int]]]:
    """An executor, and the numbers of its processes."""
    if how == "none":
        yield None, []
    elif how == "dask":
        from distributed import Client

        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as client:
            yield client.get_executor(), list(client.run(os.getpid).values())
    else:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(how)) as pool:
            yield pool, sorted(set(pool.map(ready, range(4))))


def said(done: int, total: int) -> None:
    """A line after each part, and time enough to be killed before the next."""
    print(done, flush=True)
    time.sleep(PAUSE)


def main() -> None:
    how, target = sys.argv[1:]
    with workers(how) as (executor, numbers):
        print(*numbers, flush=True)
        try:
            write_graph(graph(), target, executor=executor, progress=said)
        except TableError as error:
            print(error, file=sys.stderr, flush=True)
            sys.exit(3)
        print("whole", flush=True)


if __name__ == "__main__":
    main()
