"""The demo: two networks, trained on handwritten digits and taken the whole way (the way itself is ``steps.py``)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.torch import save
from torch import nn

import netgraph as ng
from netgraph.demo import nets
from netgraph.demo.data import Dataset, load_data
from netgraph.demo.steps import STEPS, Finding, Subject
from netgraph.demo.train import train

Progress = Callable[[str, float], object]
NETWORKS: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "digits": {"mlp": nets.MLP, "cnn": nets.CNN},
    "mnist": {"mlp": nets.mnist_mlp, "cnn": nets.mnist_cnn},
}
"""Data set -> the networks that are trained on it."""


def demo(
    out: str | Path = "netgraph-demo",
    dataset: str = "digits",
    data: str | Path | None = None,
    epochs: int = 40,
    seed: int = 0,
    progress: Progress = lambda text, share: None,
) -> list[Finding]:
    """Trains an MLP and a small CNN on handwritten digits; proves, writes, analyses and draws both.

    Parameters
    ----------
    out : folder for everything that is written; files of an earlier demo in it are replaced.
    dataset, data : see :func:`netgraph.demo.data.load_data`.
    epochs : how often the training images are seen.
    seed : of the split, the training and the modules.
    progress : called with what is being done and the share (0 to 1) of it all that is done.

    Returns
    -------
    Findings : (network, what, value, file), the table that ``netgraph demo`` prints.
    """
    folder = Path(out)
    progress(f"loading {dataset}", 0.0)
    digits = load_data(dataset, None if data is None else Path(data), seed)
    made = NETWORKS[dataset]
    findings: list[Finding] = []
    for number, (name, make) in enumerate(made.items()):

        def show(text: str, share: float, name: str = name, number: int = number) -> None:
            progress(f"{name}: {text}", (number + share) / len(made))

        (folder / name).mkdir(parents=True, exist_ok=True)
        model = train(make, digits, epochs, seed, lambda epoch: show("training", 0.4 * epoch / epochs))
        (folder / name / "weights.safetensors").write_bytes(save(model.state_dict()))
        show("recording", 0.4)
        subject = Subject(name, model, digits, folder, seed, ng.trace(model, digits.test_images[:1]))
        for i, (text, step) in enumerate(STEPS.items()):
            show(text, 0.45 + 0.55 * i / len(STEPS))
            findings += step(subject)
    save_inputs(digits, folder)
    progress("done", 1.0)
    return findings


def save_inputs(digits: Dataset, folder: Path) -> None:
    """The held-out images and the networks' source: with the weights, all that the command line needs to go on."""
    images, labels = digits.test_images.numpy(), digits.test_labels.numpy()
    np.savez_compressed(folder / "test.npz", inputs=images, labels=labels)
    shutil.copyfile(str(nets.__file__), folder / "nets.py")
