"""The demo's data sets: real digits, idx files with their faults, and a training that repeats."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from netgraph.demo.data import load_data, read_idx
from netgraph.demo.nets import CNN, MLP
from netgraph.demo.train import accuracy, train
from netgraph.errors import LoadError, UnknownName

MNIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"


def idx(values: np.ndarray) -> bytes:  # type: ignore[type-arg]
    return b"\x00\x00\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_mnist(folder: Path, parts: tuple[str, ...], n: int = 20, packed: bool = True) -> None:
    rng = np.random.default_rng(0)
    for part in parts:
        for stem, values in (
            ("images-idx3-ubyte", rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)),
            ("labels-idx1-ubyte", rng.integers(0, 10, n, dtype=np.uint8)),
        ):
            raw = idx(values)
            (folder / f"{part}-{stem}{'.gz' if packed else ''}").write_bytes(gzip.compress(raw) if packed else raw)


def test_demo_digits_are_all_there_and_split_without_overlap() -> None:
    data = load_data("digits", seed=4)
    assert (len(data.train_images), len(data.test_images), data.side) == (1437, 360, 8)
    assert float(data.train_images.max()) == 1.0 and float(data.train_images.min()) == 0.0
    both = torch.cat([data.train_images, data.test_images]).flatten(1).numpy()
    from sklearn.datasets import load_digits

    whole = np.unique(load_digits().data / 16, axis=0)
    assert np.array_equal(np.unique(both, axis=0), whole.astype(np.float32))
    assert torch.equal(load_data("digits", seed=4).test_images, data.test_images)
    assert not torch.equal(load_data("digits", seed=5).test_images, data.test_images)


@pytest.mark.parametrize("packed", [True, False])
def test_demo_idx_files_are_read_as_written(tmp_path: Path, packed: bool) -> None:
    write_mnist(tmp_path, ("train", "t10k"), packed=packed)
    data = load_data("mnist", tmp_path)
    assert data.train_images.shape == (20, 1, 28, 28) and data.train_labels.dtype == torch.int64
    first = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    assert np.array_equal(np.rint(data.train_images[:, 0].numpy() * 255), first)


def test_demo_test_files_alone_are_split(tmp_path: Path) -> None:
    write_mnist(tmp_path, ("t10k",))
    data = load_data("mnist", tmp_path)
    assert (len(data.train_images), len(data.test_images)) == (16, 4) and "split" in data.source


def test_demo_real_mnist_files_are_read() -> None:
    if not MNIST.is_dir():
        pytest.skip("shared/data/mnist is not beside this repository")
    data = load_data("mnist", MNIST)
    assert (len(data.train_images), len(data.test_images)) == (8000, 2000)
    assert sorted(torch.cat([data.train_labels, data.test_labels]).unique().tolist()) == list(range(10))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is no idx file"),
        (b"\x89PNG....", "is no idx file"),
        (b"\x00\x00\x08\x03\x00\x00", "a header"),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-1], r"is cut: its header promises \(2, 3, 3\), 17 bytes follow"),
        (idx(np.zeros((2, 3, 3), np.uint8)) + b"x", "19 bytes follow"),
    ],
)
def test_demo_damaged_idx_files_are_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(LoadError, match=message):
        read_idx(tmp_path / "file")


def test_demo_damaged_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx(np.zeros((9, 9, 9), np.uint8)))[:-20])
    with pytest.raises(LoadError, match="cannot be read"):
        read_idx(tmp_path / "file.gz")


def test_demo_missing_files_and_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="t10k-images-idx3-ubyte"):
        load_data("mnist", tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'mnist'"):
        load_data("mnits")
    with pytest.raises(LoadError, match="--dataset mnist"):
        load_data("digits", tmp_path)


def test_demo_a_refused_download_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from netgraph.network.vision import load_torchvision

    load_torchvision()
    import torchvision.datasets as datasets

    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Error downloading train-images:\nTried one\nTried two")

    monkeypatch.setattr(datasets, "MNIST", refuse)
    with pytest.raises(LoadError, match="--data DIR") as error:
        load_data("mnist")
    assert "\n" not in str(error.value)


def test_demo_training_repeats_and_leaves_torchs_random_state(capfd: pytest.CaptureFixture[str]) -> None:
    data = load_data("digits")
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    epochs: list[int] = []
    one = train(MLP, data, epochs=2, seed=1, progress=epochs.append)
    other = train(MLP, data, epochs=2, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before) and epochs == [1, 2]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not one.training


@pytest.mark.parametrize("make", [MLP, CNN])
def test_demo_networks_learn_the_digits(make: type[MLP] | type[CNN]) -> None:
    data = load_data("digits")
    assert accuracy(train(make, data, epochs=10), data) > 0.9
