"""The demo's data sets: handwritten digits, as images in [0, 1] with a training and a test part."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netgraph.errors import LoadError, unknown


@dataclass(frozen=True)
class Dataset:
    """Images (n, 1, side, side) in float32, their classes (n,) in int64; `source` says where they come from."""

    name: str
    source: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @property
    def side(self) -> int:
        """Pixels along one edge of an image."""
        return int(self.train_images.shape[-1])


def load_data(name: str = "digits", folder: Path | None = None, seed: int = 0) -> Dataset:
    """A data set by its name.

    Parameters
    ----------
    name : "digits" (1,797 images of 8 x 8, inside scikit-learn) or "mnist" (28 x 28).
    folder : for "mnist", a folder of idx files, gzipped or not; without it torchvision is asked to download them.
    seed : of the split into training and test images, where the data set has none of its own.

    Raises
    ------
    UnknownName, LoadError : a name that is not known; files that are missing or are no idx files.

    >>> data = load_data("digits")
    >>> data.train_images.shape, data.test_images.shape
    (torch.Size([1437, 1, 8, 8]), torch.Size([360, 1, 8, 8]))
    """
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name](folder, seed)


def _digits(folder: Path | None, seed: int) -> Dataset:
    if folder is not None:
        raise LoadError("the digits come with scikit-learn: leave --data out, or say --dataset mnist")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16, dtype=torch.float32).unsqueeze(1)
    return _split("digits", "scikit-learn's load_digits", images, torch.tensor(bunch.target), seed)


def _mnist(folder: Path | None, seed: int) -> Dataset:
    if folder is None:
        return _downloaded_mnist()
    test = _idx_pair(folder, "t10k")
    if _idx_file(folder, "train-images-idx3-ubyte") is None:
        return _split("mnist", f"the test files in {folder}, split", *test, seed)
    return Dataset("mnist", str(folder), *_idx_pair(folder, "train"), *test)


DATASETS: dict[str, Callable[[Path | None, int], Dataset]] = {"digits": _digits, "mnist": _mnist}
"""One row a data set."""


def _split(name: str, source: str, images: Tensor, labels: Tensor, seed: int) -> Dataset:
    """Four fifths to train on, one fifth to test on, drawn at random."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    train, test = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    return Dataset(name, source, images[train], labels[train], images[test], labels[test])


def _downloaded_mnist() -> Dataset:
    from netgraph.network.vision import load_torchvision

    load_torchvision()
    from torchvision.datasets import MNIST

    cache = Path.home() / ".cache" / "netgraph"
    try:
        with redirect_stdout(sys.stderr):  # torchvision reports its download on stdout, which is for data
            parts = [MNIST(str(cache), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:  # no way out, or every mirror refused
        reason = str(error).splitlines()[0].rstrip(":")
        raise LoadError(
            f"torchvision could not download MNIST ({reason}): give a folder with its idx files with --data DIR"
        ) from error
    tensors = [t for part in parts for t in (_to_images(part.data.numpy()), part.targets)]
    return Dataset("mnist", "torchvision's MNIST", *tensors)


def _to_images(pixels: np.ndarray[Any, Any]) -> Tensor:
    return torch.tensor(pixels, dtype=torch.float32).unsqueeze(1) / 255


def _idx_pair(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    images, labels = (read_idx(_need(folder, f"{part}-{kind}")) for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    if len(images) != len(labels):
        raise LoadError(f"{folder}: {len(images)} images but {len(labels)} labels for {part}")
    return _to_images(images), torch.tensor(labels, dtype=torch.int64)


def _idx_file(folder: Path, stem: str) -> Path | None:
    """The file of that name, gzipped or not; torchvision's own sub-folder is looked into as well."""
    for place in (folder, folder / "MNIST" / "raw"):
        for name in (f"{stem}.gz", stem):
            if (place / name).is_file():
                return place / name
    return None


def _need(folder: Path, stem: str) -> Path:
    found = _idx_file(folder, stem)
    if found is None:
        raise LoadError(f"{folder} has neither {stem} nor {stem}.gz: --data names a folder with MNIST's idx files")
    return found


def read_idx(path: Path) -> np.ndarray[Any, Any]:
    """An idx file of unsigned bytes (LeCun's format for MNIST), gzipped or not, as a uint8 array.

    Raises
    ------
    LoadError : it is cut, or no such file.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise LoadError(f"{path} cannot be read: {error}") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise LoadError(f"{path} is no idx file of bytes: it begins with {raw[:4]!r}, expected 00 00 08 and the rank")
    rank = raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", count=rank, offset=4)) if len(raw) >= 4 + 4 * rank else ()
    body = np.frombuffer(raw, np.uint8, offset=min(4 + 4 * rank, len(raw)))
    if not shape or body.size != int(np.prod(shape)):
        raise LoadError(f"{path} is cut: its header promises {shape or 'a header'}, {body.size:,} bytes follow")
    return body.reshape(shape)
