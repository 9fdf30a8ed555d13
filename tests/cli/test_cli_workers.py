"""Processes that work for a command: the same files, and none of them outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from netgraph.cli.workers import processes

Cli = Any
COMMAND = """
import os, sys, time
from netgraph.cli.workers import processes

if __name__ == "__main__":
    with processes(2) as executor:
        for number in {executor.submit(os.getpid).result() for _ in range(20)}:
            print(number, flush=True)
        print("asked", flush=True)
        executor.submit(time.sleep, 0).result()
        time.sleep(600)
"""


def gone(process: int) -> bool:
    """Whether it has ended; one that only waits to be noticed has."""
    try:
        os.kill(process, 0)
        stat = Path(f"/proc/{process}/stat")
        return stat.is_file() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_cli_workers_make_the_parts_of_parquet(exported: Path, cli: Cli, tmp_path: Path) -> None:
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    facts = [cli("convert", exported, *out, "--json").json for out in ([here], [there, "--workers", 2])]
    assert facts[0] | {"out": ""} == facts[1] | {"out": ""}
    files = [file.relative_to(here) for file in sorted(here.rglob("*")) if file.is_file()]
    assert files == [file.relative_to(there) for file in sorted(there.rglob("*")) if file.is_file()]
    assert all((here / file).read_bytes() == (there / file).read_bytes() for file in files)


def test_cli_workers_are_for_what_is_made_in_parts(exported: Path, cli: Cli, tmp_path: Path) -> None:
    for name in ("out", "out.gexf"):
        result = cli("convert", exported, tmp_path / name, "--workers", 2)
        assert result.status == 2
        assert "only a path that ends in .parquet is made in parts" in " ".join(result.err.replace("│", " ").split())
    assert cli("convert", exported, tmp_path / "out.parquet", "--workers", -1).status == 2
    assert list(tmp_path.iterdir()) == [exported]


def test_cli_without_workers_there_is_no_executor() -> None:
    with processes(0) as executor:
        assert executor is None


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_cli_workers_end_with_a_command_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "command.py"
    script.write_text(COMMAND, encoding="utf-8")
    command = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with command:
        assert command.stdout is not None
        workers = [int(line) for line in iter(command.stdout.readline, "asked\n")]
        assert workers and not any(map(gone, workers))
        command.send_signal(number)
        command.wait()
        for _ in range(600):  # a worker that stays is one for ever
            if all(map(gone, workers)):
                return
            time.sleep(0.1)
    raise AssertionError(f"workers {workers} outlived their command")
