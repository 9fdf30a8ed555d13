"""The README's Python examples run as they stand, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_cli_readme_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    found, scope = blocks("python"), {}
    assert len(found) >= 8
    import torch

    with torch.random.fork_rng(devices=[]):
        for number, code in enumerate(found, 1):
            exec(compile(code, f"README.md, Python block {number}", "exec"), scope)
    assert (tmp_path / "out" / "digits" / "edges.csv").exists() and (tmp_path / "out" / "digits.html").exists()


def test_cli_readme_command_lines_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from netgraph.cli import main

    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ netgraph ")]
    assert len(lines) >= 3
    for line in lines:
        monkeypatch.setattr("sys.argv", line.split())
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code, (line, capfd.readouterr().err)


def test_cli_readme_never_installs_the_other_package() -> None:
    for file in ("README.md", "CONTRIBUTING.md", "data/README.md"):
        assert "pip install netgraph\n" not in (ROOT / file).read_text(encoding="utf-8") + "\n"
    assert (ROOT / "README.md").read_text(encoding="utf-8").index("scripts/demo") < 300


def test_cli_readme_links_lead_somewhere() -> None:
    for file in ("README.md", "CONTRIBUTING.md", "data/README.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / file).read_text(encoding="utf-8")):
            assert (ROOT / file).parent.joinpath(link).exists(), f"{file}: {link}"
