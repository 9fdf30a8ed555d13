"""Which of torchvision's classifiers are exactly their graph: each is traced and verified, by channels and by units."""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import netgraph as ng
from netgraph.network.verify import CHECKS, forward_error

LARGEST = 350_000_000
"""Parameters above which float64 copies of all weights and flows do not fit into 24 GiB."""
MOST = 4 * 2**30
"""Bytes of a graph of units above which its proof needs more than 24 GiB; then the one of channels is made alone."""
HEADS = ("model", "input", "channels", "edges", "units", "edges", *CHECKS, "s")
SIZES = {"inception_v3": 96, "maxvit_t": 224}
OPTIONS: dict[str, dict[str, Any]] = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


def models() -> list[str]:
    """Names of torchvision's classifiers."""
    ng.load_torchvision()
    from torchvision import models

    return list(models.list_models(module=models))


def build(name: str) -> tuple[torch.nn.Module, int]:
    """(the model, seeded, its BatchNorm statistics perturbed so that folding is tested; the side of its input)."""
    from torchvision import models

    torch.manual_seed(0)
    size = SIZES.get(name, 70 if name == "vit_h_14" else 64)
    options = OPTIONS.get(name, {"image_size": size} if name.startswith("vit_") else {})
    model = models.get_model(name, weights=None, **options).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, torch.nn.Linear) and not bool(module.weight.any()):
            torch.nn.init.normal_(module.weight, std=0.02)  # a head of zeros would prove nothing
    return model, size


def row(name: str) -> list[str]:
    """The line of the table for one model."""
    start = time.perf_counter()
    model, size = build(name)
    parameters = sum(p.numel() for p in model.parameters())
    x = torch.randn(1, 3, size, size)
    net = ng.trace(model, x)
    about = [name, f"{size}²"]
    for granularity in ("channel", "unit"):
        found = net.size(granularity)
        about += [f"{found.vertices:,}", f"{found.edges:,}"]
    if parameters > LARGEST:
        return [*about, f"{forward_error(net, [x]):.0e}", *["–"] * 4, f"{time.perf_counter() - start:.0f}"]
    by_unit = net.size("unit", inputs=True).bytes <= MOST  # float32: in float64 twice as much
    errors = net.verify(x, granularity=None if by_unit else "channel").errors
    cells = [f"{errors[name]:.0e}" if name in errors else "–" for name in CHECKS]
    return [*about, *cells, f"{time.perf_counter() - start:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench coverage", description="torchvision's classifiers, verified.")
    parser.add_argument("names", nargs="*", metavar="MODEL", help="all when left out")
    parser.add_argument("--markdown", action="store_true", help="rows as they stand in the README")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(*HEADS, title="relative errors in float64, the worse of both granularities")
    warnings.simplefilter("ignore")
    for name in chosen.names or models():
        models()
        try:
            cells = row(name)
        except ng.NetgraphError as error:
            cells = [name, *[""] * 5, str(error)[:100], *[""] * 5]
        Console(stderr=True).print("  ".join(cells), highlight=False)
        table.add_row(*cells)
        if chosen.markdown:
            print("| " + " | ".join(cells[:-1]) + " |", flush=True)
        gc.collect()
    if not chosen.markdown:
        console.print(table)


if __name__ == "__main__":
    main()
