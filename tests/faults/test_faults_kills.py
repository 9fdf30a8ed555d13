"""SIGKILL of the driver or of a worker, at any moment: the next run goes on, and ends as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_driver import PARTS, PAUSE
from faults_system import OLD, checksums, same

from netgraph import read_graph, write_graph
from netgraph.graph.formats import swap

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and process groups are POSIX")

DRIVER = Path(__file__).with_name("faults_driver.py")
AGAIN = {"fork": "spawn", "spawn": "fork", "dask": "none"}
"""Executor of the run that is killed -> of the next, which need not be the same."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checksums of the export that nothing disturbs."""
    target = tmp_path_factory.mktemp("undisturbed") / "out.parquet"
    subprocess.run([sys.executable, DRIVER, "none", target], check=True, capture_output=True, timeout=300)
    found = checksums(target)
    assert len(found) == PARTS + 2
    return found


class Run:
    """A driver in a process group of its own."""

    def __init__(self, how: str, target: Path) -> None:
        command = [sys.executable, str(DRIVER), how, str(target)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        self.workers = [int(number) for number in self.lines.readline().split()]

    def parts(self, count: int) -> None:
        """Wait until so many are written."""
        for _ in range(count):
            self.lines.readline()

    def end(self) -> str:
        """Wait for it; what it said on stderr."""
        return self.process.communicate(timeout=300)[1]


@contextlib.contextmanager
def running(how: str, target: Path) -> Iterator[Run]:
    run = Run(how, target)
    try:
        yield run
    finally:  # workers outlive a driver that is killed
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.communicate()


def rounds() -> list[object]:
    """Four of processes and of Dask in every run of the tests, twenty with --full."""
    every = [(how, seed) for seed in range(20) for how in (("fork", "spawn")[seed // 4 % 2 ^ seed % 2], "dask")]
    return [pytest.param(*one, marks=[pytest.mark.slow] if one[1] >= 4 else []) for one in every]


@pytest.mark.parametrize(("how", "seed"), rounds())
def test_faults_a_killed_export_goes_on(tmp_path: Path, undisturbed: dict[str, str], how: str, seed: int) -> None:
    chance = random.Random(f"{how} {seed}")
    target = tmp_path / "out.parquet"
    there = None
    if seed % 2:
        write_graph(OLD, target)
        there = read_graph(target)
    victim = ["driver", "worker"][seed // 2 % 2]
    with running(how, target) as run:
        run.parts(chance.randrange(PARTS))
        time.sleep(chance.random() * 2 * PAUSE)
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.process.pid if victim == "driver" else chance.choice(run.workers), signal.SIGKILL)
        said = run.end() if victim == "worker" else ""
        whole = run.process.wait(timeout=300) == 0
        if target.exists() and checksums(target) != undisturbed:
            assert same(read_graph(target), there)  # the old one, as long as the new one is not whole
        if not whole and said:
            assert "run the same export again, with a new executor, and it goes on from there" in said
        assert victim == "driver" or whole or said
        kept = {path.name: path.stat().st_ino for path in tmp_path.glob(".netgraph-parts-*/*/export/edges/*/*")}
        with running(AGAIN[how], target) as again:
            assert again.end() == ""
            assert again.process.returncode == 0
    assert checksums(target) == undisturbed
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]
    after = {path.name: path.stat().st_ino for path in target.glob("edges/*/*")}
    assert sum(after[name] == number for name, number in kept.items()) >= len(kept) - 3  # some lack their note


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says who is a zombie")
def test_faults_what_a_zombie_left_is_swept(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # it ends; nobody has waited for it
        left = tmp_path / f"{swap._prefix()}{process.pid}-0123abcd-new-{swap.digest(tmp_path / 'out')}"
        left.mkdir()
        for _ in range(500):
            write_graph(OLD, tmp_path / "out")
            if not left.exists():
                break
            time.sleep(0.01)
        assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
