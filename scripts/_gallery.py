"""The gallery: pages of real networks, and their pictures as they stand in the README.

scripts/gallery [PAGE …] [-o FOLDER] writes PAGE.html, and with a browser on this machine PAGE-light.png and
PAGE-dark.png. The LeNet needs its weights and the MNIST test set (--mnist FOLDER: mnist/t10k-*.gz and
networks/lenet5_mnist.pt in it); without them its page is left out.
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from torch import nn

import netgraph as ng

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
DIGITS = [str(k) for k in range(10)]
SIZES = {"": (1280, 800), "-wide": (1920, 1080)}
THEMES = ("light", "dark")


def held_out(count: int) -> tuple[torch.Tensor, list[int]]:
    """Images of scikit-learn's digits that no network of data/ has seen."""
    held = np.load(DATA / "test.npz")
    return torch.from_numpy(held["inputs"][:count]), held["labels"][:count].tolist()


def digits(name: str) -> ng.Network:
    net = ng.load_network(DATA / name / "weights.safetensors", model=f"{DATA / 'nets.py'}:{name.upper()}")
    net.verify()  # its errors stand in the page's about box
    return net


def digits_mlp(**how: object) -> ng.View:
    """digits-mlp: 64-32-32-10, the circuit of a held-out digit."""
    net = digits("mlp")
    graph = net.graph(granularity="unit")
    graph = graph.with_columns(module=ng.modules(graph, seed=0).labels)
    inputs, labels = held_out(24)
    return ng.render(graph, inputs=inputs, truth=labels, classes=DIGITS, title="digits MLP 64-32-32-10", **how)


def digits_cnn(**how: object) -> ng.View:
    """digits-cnn: two convolutions with max pooling, channels as vertices."""
    net = digits("cnn")
    inputs, labels = held_out(24)
    return ng.render(net.graph(), inputs=inputs, truth=labels, classes=DIGITS, title="digits CNN", **how)


class LeNet(nn.Module):
    """LeNet-5 on 32 x 32 images; the names are those of its published weights."""

    def __init__(self) -> None:
        super().__init__()
        rows: list[tuple[str, nn.Module]] = [
            *(("c1", nn.Conv2d(1, 6, 5)), ("relu1", nn.ReLU()), ("s2", nn.MaxPool2d(2))),
            *(("c3", nn.Conv2d(6, 16, 5)), ("relu3", nn.ReLU()), ("s4", nn.MaxPool2d(2))),
            *(("c5", nn.Conv2d(16, 120, 5)), ("relu5", nn.ReLU())),
        ]
        self.convnet, self.fc = nn.Sequential(), nn.Sequential()
        for name, module in rows:
            self.convnet.add_module(name, module)
        for name, module in (("f6", nn.Linear(120, 84)), ("relu6", nn.ReLU()), ("f7", nn.Linear(84, 10))):
            self.fc.add_module(name, module)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.convnet(images).flatten(1))


def mnist_images(folder: Path, count: int) -> tuple[torch.Tensor, list[int]]:
    """The first test images, resized to 32 x 32, in [0, 1]."""
    files = {kind: next(folder.glob(f"t10k-{kind}*.gz")) for kind in ("images", "labels")}
    pixels = np.frombuffer(gzip.decompress(files["images"].read_bytes()), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.frombuffer(gzip.decompress(files["labels"].read_bytes()), np.uint8, offset=8)
    images = torch.from_numpy(pixels[:count].copy()).float() / 255
    resized = nn.functional.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
    return resized, labels[:count].tolist()


def lenet(mnist: Path, **how: object) -> ng.View:
    """lenet: somebody else's LeNet-5, MNIST images."""
    weights = mnist / "networks" / "lenet5_mnist.pt"
    model = LeNet()
    model.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    inputs, labels = mnist_images(mnist / "mnist", 12)
    graph = ng.trace(model.eval(), (1, 32, 32)).graph()
    return ng.render(graph, inputs=inputs, truth=labels, classes=DIGITS, title="LeNet-5 on MNIST", **how)


def deep_mlp(**how: object) -> ng.View:
    """deep-mlp: twelve layers of weights, trained on the digits in a few seconds."""
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    sizes = [64, *[24] * 11, 10]
    parts: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes):
        parts += [nn.Linear(before, after), nn.ReLU()]
        nn.init.kaiming_normal_(parts[-2].weight, nonlinearity="relu")
    model = nn.Sequential(*parts[:-1])
    images, labels = (torch.from_numpy(held) for held in load_digits(return_X_y=True))
    images = images.float().reshape(-1, 1, 8, 8) / 16
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for _ in range(60):
        for batch in torch.randperm(1500).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    graph = ng.trace(model.eval(), (1, 8, 8)).graph(granularity="unit")
    shown = slice(1500, 1516)
    return ng.render(
        graph, inputs=images[shown], truth=labels[shown].tolist(), classes=DIGITS, title="twelve layers, digits", **how
    )


def resnet(**how: object) -> ng.View:
    """resnet18: torchvision's, untrained, its channels as vertices."""
    ng.load_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    graph = ng.trace(resnet18(weights=None).eval(), (3, 64, 64)).graph()
    return ng.render(graph, title="torchvision resnet18, channels", **how)


PAGES: dict[str, Callable[..., ng.View]] = {
    "digits-mlp": digits_mlp,
    "digits-cnn": digits_cnn,
    "lenet": lenet,
    "deep-mlp": deep_mlp,
    "resnet18": resnet,
}
"""One row a page."""


def smaller(picture: bytes) -> Image.Image:
    """In 256 colours: a third of the bytes, and no eye sees it."""
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    return whole.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gallery", description="Pages of real networks, and pictures.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)} (default: all)")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("netgraph-gallery"), help="folder (default: %(default)s)"
    )
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="MNIST and a LeNet, for the page lenet")
    parser.add_argument("--wide", action="store_true", help="pictures at 1920 x 1080, too")
    parser.add_argument("--no-pictures", action="store_true", help="pages alone")
    chosen = parser.parse_args()
    for name in chosen.pages:
        if name not in PAGES:
            parser.error(f"there is no page {name!r}; there are {', '.join(PAGES)}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    for name in chosen.pages or PAGES:
        if name == "lenet" and chosen.mnist is None:
            console.print("lenet: left out; its weights and images are not part of this project (--mnist FOLDER)")
            continue
        view = PAGES[name](**({"mnist": chosen.mnist} if name == "lenet" else {}))
        at = view.save(chosen.out / f"{name}.html")
        console.print(f"{at}: {at.stat().st_size / 1e6:.2f} MB, {view.total_edges:,} edges", soft_wrap=True)
        for theme in () if chosen.no_pictures else THEMES:
            for suffix, (width, height) in list(SIZES.items())[: 1 + chosen.wide]:
                smaller(view.png(width=width, height=height, theme=theme)).save(
                    chosen.out / f"{name}{suffix}-{theme}.png", optimize=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
