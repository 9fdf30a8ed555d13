"""The scripts' shared set-up: made once, reused while current, made anew when it is not, one clear line on failure."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("scripts/demo", "scripts/test", "scripts/bench", ".ci/run")


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``scripts/_setup.py`` on a folder of its own; its commands are written down, not run."""
    spec = importlib.util.spec_from_file_location("_setup", ROOT / "scripts" / "_setup.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "scripts" / "constraints.txt").write_text("torch==2.13.0")
    venv = tmp_path / ".venv"
    for name, value in (
        ("ROOT", tmp_path),
        ("VENV", venv),
        ("PYTHON", venv / "bin/python"),
        ("STAMP", venv / "stamp.json"),
    ):
        monkeypatch.setattr(module, name, value)
    module.ran = []

    def call(command: list[str], **options: Any) -> int:
        module.ran.append([str(part) for part in command])
        if "venv" in command:
            (venv / "bin").mkdir(parents=True)
            (venv / "bin" / "python").touch()
        return int(module.failing in " ".join(map(str, command))) if module.failing else 0

    module.failing = ""
    monkeypatch.setattr(module.subprocess, "call", call)
    return module


def installs(setup: Any) -> list[str]:
    return [" ".join(command) for command in setup.ran if "install" in command]


def test_demo_setup_installs_once_with_the_tested_versions(setup: Any, capsys: pytest.CaptureFixture[str]) -> None:
    setup.set_up()
    assert len(installs(setup)) == 1
    assert f"-c {setup.ROOT}/scripts/constraints.txt -e {setup.ROOT}" in installs(setup)[0]
    assert "editable_mode=compat" in installs(setup)[0]  # so that scripts in the folder above import the package
    setup.set_up()
    assert len(installs(setup)) == 1
    assert "is current" in capsys.readouterr().err


def test_demo_setup_adds_extras_and_keeps_them(setup: Any) -> None:
    setup.set_up()
    setup.set_up(extras=["test"])
    assert installs(setup)[-1].endswith("[test]") and len(installs(setup)) == 2
    setup.set_up()
    assert len(installs(setup)) == 2  # what has more is current for what needs less


@pytest.mark.parametrize("file", ["pyproject.toml", "scripts/constraints.txt"])
def test_demo_setup_installs_anew_when_what_it_installs_changed(setup: Any, file: str) -> None:
    setup.set_up(extras=["test"])
    (setup.ROOT / file).write_text("changed")
    setup.set_up()
    assert len(installs(setup)) == 2 and installs(setup)[-1].endswith("[test]")


def test_demo_setup_of_another_python_is_made_anew(setup: Any) -> None:
    setup.set_up()
    stamp = json.loads(setup.STAMP.read_text())
    setup.STAMP.write_text(json.dumps({**stamp, "python": "3.9.1"}))
    (setup.VENV / "old").touch()
    setup.set_up()
    assert not (setup.VENV / "old").exists() and len(installs(setup)) == 2


def test_demo_setup_that_was_cut_short_is_made_anew(setup: Any) -> None:
    setup.set_up()
    setup.STAMP.write_text('{"fingerp')
    setup.set_up()
    assert len(installs(setup)) == 2


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        (" install ", "pip could not install"),
        ("-m venv", "install its venv module"),
        ("-c import pip", "pip is missing"),
    ],
)
def test_demo_setup_failures_are_one_clear_line(
    setup: Any, failing: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.failing = failing
    with pytest.raises(SystemExit) as stop:
        setup.set_up()
    last = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 1 and last.startswith("[netgraph] error: ") and message in last
    assert not setup.STAMP.exists()


def test_demo_setup_works_without_ensurepip(setup: Any) -> None:
    setup.failing = "ensurepip"
    setup.set_up()
    made = next(command for command in setup.ran if "venv" in command)
    assert "--without-pip" in made


def test_demo_setup_says_when_python_is_too_old(
    setup: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 9))
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        setup.use_new_enough_python("demo")
    assert "Python 3.10 or newer is needed" in capsys.readouterr().err


def test_demo_setup_goes_on_under_a_newer_python(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(setup.sys, "version_info", (3, 9))
    monkeypatch.setattr(setup.sys, "argv", ["demo", "--epochs", "3"])
    monkeypatch.setattr(setup.shutil, "which", lambda name: "/bin/py" if name == "python3.11" else None)

    def execv(program: str, arguments: list[str]) -> None:
        seen.append((program, arguments))
        raise SystemExit

    monkeypatch.setattr(setup.os, "execv", execv)
    with pytest.raises(SystemExit):
        setup.use_new_enough_python("demo")
    assert seen == [("/bin/py", ["/bin/py", "demo", "--epochs", "3"])]


@pytest.mark.parametrize("script", SCRIPTS)
def test_demo_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text().startswith("#!")


def test_demo_bench_lists_what_it_measures() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "_benchmarks.py")]
    wrong = subprocess.run(
        [*command, "exprot"], capture_output=True, text=True, cwd=ROOT, check=False, env=environment()
    )
    assert wrong.returncode == 2 and "unknown benchmark 'exprot'; known: export" in wrong.stderr


def test_demo_bench_measures_a_ratio() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "_benchmarks.py"), "export", "--repeat", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=environment())
    assert "export: 784-500-10 MLP" in " ".join(done.stdout.split()) and "ratio" in done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
