"""The gallery's script makes whole pages and pictures of them; the README shows pictures that are there."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def edges_in(picture: Image.Image) -> float:
    """The share of the gap between the first two columns of the digits MLP that is coloured."""
    pixels = np.asarray(picture.convert("RGB").crop((330, 100, 420, 690)), dtype=int)
    return float((np.ptp(pixels, axis=2) > 40).mean())


def test_gallery_makes_a_page_and_pictures_with_its_edges(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "_gallery.py", "digits-mlp", "-o", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3,392 edges" in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "digits-mlp-dark.png",
        "digits-mlp-light.png",
        "digits-mlp.html",
    ]
    for theme in ("light", "dark"):
        picture = Image.open(tmp_path / f"digits-mlp-{theme}.png")
        assert picture.size == (1280, 800)
        assert edges_in(picture) > 0.1
        corner = np.asarray(picture.convert("RGB"))[120, 20].mean()
        assert corner > 200 if theme == "light" else corner < 50


def test_gallery_pictures_of_the_readme_are_there() -> None:
    named = set(re.findall(r"data/gallery/[\w-]+\.png", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert len(named) == 10
    assert named == {f"data/gallery/{file.name}" for file in (ROOT / "data" / "gallery").glob("*.png")}
    for name in named:
        assert Image.open(io.BytesIO((ROOT / name).read_bytes())).size == (1280, 800)


def test_gallery_names_the_pages_there_are() -> None:
    command = [sys.executable, ROOT / "scripts" / "_gallery.py", "digit-mlp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no page 'digit-mlp'; there are digits-mlp, digits-cnn, lenet, deep-mlp, resnet18" in done.stderr
