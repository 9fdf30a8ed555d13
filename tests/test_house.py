"""The house itself: imports go one way, public names exist, files stay small, the package is light to import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

import netgraph as ng
from netgraph._clash import refuse_namesake

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "netgraph"
FILES = sorted(PACKAGE.rglob("*.py"))
MAY_IMPORT = {  # room -> the rooms that it may import; its own is always allowed, "netgraph" is the public names
    "errors": set(),
    "_clash": set(),
    "graph": {"errors"},
    "network": {"errors", "graph"},
    "analysis": {"errors", "graph"},
    "render": {"errors", "graph"},
    "demo": {"errors", "network", "netgraph"},
    "cli": {"errors", "demo", "netgraph"},
    "__main__": {"cli"},
    "__init__": {"_clash", "errors", "graph", "network", "analysis", "render"},
}
TORCH_ROOMS = ("network/", "demo/", "graph/convolution.py")


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def imported(file: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of every import in the file, wherever it stands."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import; write the whole name"
            if node.module == "netgraph":
                found += [(node.lineno, f"netgraph.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, str(node.module)))
    return found


def in_fresh_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_house_imports_go_one_way(file: Path) -> None:
    room = name_of(file).split("/")[0].removesuffix(".py")
    assert room in MAY_IMPORT, f"{room} is a room that the house does not know: add its row to MAY_IMPORT"
    for line, name in imported(file):
        parts = name.split(".")
        if parts[0] == "netgraph":
            other = parts[1] if len(parts) > 1 else "netgraph"
            allowed = {room, "__version__", *MAY_IMPORT[room]}
            assert other in allowed, f"{name_of(file)}:{line} imports {name}"
        if parts[0] in {"torch", "torchvision"}:
            assert name_of(file).startswith(TORCH_ROOMS), (
                f"{name_of(file)}:{line} imports {name}: torch stays in network/"
            )


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_house_files_are_one_idea_each(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, f"{name_of(file)}: a file this long is two files"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{name_of(file)} does not say what it is for"


def test_house_every_folder_of_python_files_is_a_package() -> None:
    assert {file.parent for file in FILES} == {file.parent for file in FILES if file.name == "__init__.py"}


def test_house_importing_the_package_is_light() -> None:
    heavy = in_fresh_python(
        "import sys, netgraph; print([m for m in ('torch', 'pandas', 'scipy', 'numpy', 'typer') if m in sys.modules])"
    )
    assert heavy == "[]"


def test_house_public_names_exist_and_are_the_ones_listed() -> None:
    assert ng.__all__[0] == "__version__"
    assert sorted(ng.__all__) == sorted(set(ng.__all__))
    for name in ng.__all__:
        assert getattr(ng, name) is not None
    assert set(dir(ng)) >= set(ng.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ng.no_such_name


def test_house_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname: f"{inner.module}"
        for node in guarded
        for inner in ast.walk(node)
        if isinstance(inner, ast.ImportFrom)
        for alias in inner.names
        if alias.asname
    }
    assert seen == ng._HOME


def test_house_every_error_says_who_it_is() -> None:
    from netgraph import errors

    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    defined = [
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    ]
    assert sorted(["NetgraphError", *drawn]) == sorted(defined)


def test_house_direct_dependencies_are_pinned_for_the_scripts() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    lines = (ROOT / "scripts" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    for requirement in wanted:
        assert ">=" in requirement, f"{requirement}: pyproject states lower bounds only"
        assert requirement.split(">=")[0].lower() in pinned, f"{requirement} has no tested version"


def test_house_beside_the_plotting_library_the_error_is_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_namesake()
    info = tmp_path / "netgraph-4.13.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: netgraph\nVersion: 4.13.2\n")
    assert PathDistribution(info).version == "4.13.2"
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match=r"plotting library netgraph 4\.13\.2 .*pip uninstall netgraph netgraph-nn"):
        refuse_namesake()


def test_house_importing_beside_the_plotting_library_fails(tmp_path: Path) -> None:
    info = tmp_path / "netgraph-4.13.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: netgraph\nVersion: 4.13.2\n")
    said = in_fresh_python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "try:\n    import netgraph\nexcept ImportError as error:\n    print(error)"
    )
    assert said.startswith("the plotting library netgraph 4.13.2 stands beside netgraph-nn")


def test_house_own_distribution_is_no_namesake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "netgraph_nn-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: netgraph-nn\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    refuse_namesake()
