"""The program as a whole: light help, exit statuses, interrupts, a reference that is true."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netgraph as ng
from netgraph.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netgraph", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)


def test_cli_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['netgraph', *sys.argv[1:]]\nfrom netgraph.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n"
        "    heavy = [m for m in ('torch', 'pandas', 'scipy', 'numpy') if m in sys.modules]\n"
        "    print(stop.code, heavy)"
    )
    for arguments in (["--help"], ["circuit", "--help"], ["demo", "--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert done.stdout.splitlines()[-1] == "0 []", arguments


def test_cli_help_names_every_command() -> None:
    done = program("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert name in done.stdout


def test_cli_version_is_the_packages() -> None:
    assert program("--version").stdout.strip() == f"netgraph {ng.__version__}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["info"],
        ["export", "weights.pt"],
        ["paths", "x", "-k", "none"],
        ["modules", "x", "--nope"],
        ["render", "x", "--target", "3"],
    ],
    ids=" ".join,
)
def test_cli_wrong_usage_is_status_2(arguments: list[str], cli: Callable[..., Any]) -> None:
    result = cli(*arguments)
    assert (result.status, result.out) == (2, "")
    assert "Usage: " in result.err and "Traceback" not in result.err


def test_cli_interrupt_is_status_130_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "netgraph", "demo", "--epochs", "100000", "--out", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stderr is not None and running.stdout is not None
        for line in running.stderr:
            if "training" in line:
                break
        os.kill(running.pid, signal.SIGINT)
        rest = running.stderr.read()
        assert (running.wait(), running.stdout.read()) == (130, "")
    assert "interrupted" in rest and "Traceback" not in rest


def test_cli_interrupted_circuit_leaves_nothing_half_written(tmp_path: Path) -> None:
    """Every edge is tried on its own: that takes minutes, and is stopped after its first second."""
    out, given = tmp_path / "circuit", [str(ROOT / "data" / name) for name in ("mlp/weights.safetensors", "test.npz")]
    options = ["--model", f"{ROOT / 'data' / 'nets.py'}:MLP", "--inputs", given[1], "--target", "3"]
    code = "import sys; from netgraph.analysis.circuits import acdc; from netgraph.cli import main; "
    code += (
        "real = acdc._change; acdc._change = lambda *a: (print('begun', file=sys.stderr, flush=True), real(*a))[1]; "
    )
    code += f"sys.argv = {['netgraph', 'circuit', given[0], *options, '--method', 'acdc', '--threshold', '0']!r}; "
    code += f"sys.argv += ['-o', {str(out)!r}]; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as running:
        assert running.stderr is not None and running.stdout is not None
        for line in running.stderr:
            if "begun" in line:
                break
        os.kill(running.pid, signal.SIGINT)
        rest = running.stderr.read()
        assert (running.wait(), running.stdout.read()) == (130, "")
    assert "interrupted" in rest and "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_cli_reader_that_has_left_is_no_error(exported: Path) -> None:
    """As in ``netgraph … | head``: the pipe is closed before anything is written to it."""
    command = [sys.executable, "-m", "netgraph", "centrality", str(exported), "strength"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stderr is not None and running.stdout is not None
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(), said) == (0, "")


def reference_script() -> Any:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


def test_cli_reference_in_the_readme_is_the_programs_own() -> None:
    script, readme = reference_script(), (ROOT / "README.md").read_text(encoding="utf-8")
    assert script.written(readme) == readme, "run: .venv/bin/python scripts/_reference.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_cli_every_command_and_option_of_help_is_documented(name: str, cli: Callable[..., Any]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"#### `netgraph {name}", 1)[1].split("####")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "300")
        shown = cli(name, "--help").out
    options = set(re.findall(r"--[a-z][a-z-]*", shown)) - {"--help"}
    assert {"--json", "--debug"} <= options
    for option in sorted(options):
        assert f"`{option}" in section, f"{name} {option}"


def test_cli_json_is_strict(capfd: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from netgraph.cli.output import print_json

    print_json(
        {"nan": float("nan"), "inf": np.float32("inf"), "n": np.int64(3), "path": ("a:1", "b:2"), "text": "</ü>"}
    )
    assert json.loads(capfd.readouterr().out) == {
        "nan": None,
        "inf": None,
        "n": 3,
        "path": ["a:1", "b:2"],
        "text": "</ü>",
    }
