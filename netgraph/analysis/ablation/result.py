"""Lesions: what each cost, beside random ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netgraph.graph.formats.reports import check_report, write_report
from netgraph.graph.formats.swap import replacing

REPORT = "lesions.json"
TABLES = ("table", "classes", "class_loss", "random")
SHOWN = 10
"""Lesions that are told in words."""


@dataclass(frozen=True, eq=False, repr=False)
class Lesions:
    """What a network loses without some of its vertices or edges. Made by :func:`netgraph.ablate`.

    Attributes
    ----------
    table : a row for each lesion, by name. ``cut`` (vertices or edges), ``size``, ``layers``; what it costs over all
        inputs: ``accuracy_drop`` (accuracy of the whole network minus that without the lesion), ``loss_rise`` (cross
        entropy, nats), or for a single output ``deviation`` (mean squared difference from the whole network's); of each
        the ``_mean`` and ``_sd`` (ddof=1) of its random sets, ``_z``, ``_p`` and ``_q`` (over all
        lesions: Benjamini & Hochberg 1995); ``samples``, how many these were; ``note``. Where there is no other set, p
        is NaN.
    classes : (lesions × classes) the accuracy drop over the inputs of each class.
    class_loss : (lesions × classes) the rise of the loss over the inputs of each class.
    random : a row for each random set: ``name`` of the lesion, ``sample``, and the measures.
    settings : corrupted, granularity, inputs, where classes come from, accuracy and loss of the whole network …
    """

    table: pd.DataFrame
    classes: pd.DataFrame
    class_loss: pd.DataFrame
    random: pd.DataFrame
    settings: Mapping[str, Any]

    def __len__(self) -> int:
        """Number of lesions."""
        return len(self.table)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes a folder: table.csv, classes.csv, class_loss.csv, random.csv, and lesions.json with the settings.

        The folder appears whole or not at all; one that holds other files is refused.
        """
        folder = Path(directory)
        check_report(folder, REPORT, [f"{name}.csv" for name in TABLES], "saved lesions")
        with replacing(folder) as new:
            for name in TABLES:
                getattr(self, name).to_csv(new / f"{name}.csv", index=name != "random")
            write_report(new / REPORT, self.settings)
        return folder

    def __repr__(self) -> str:
        s = self.settings
        lines = [
            f"Lesions: {len(self):,} at {s['inputs']:,} inputs, corrupted={s['corrupted']!r}, each beside up to "
            f"{s['samples']:,} random ones of the same layers and sizes"
        ]
        if s["classes"] is not None:
            of = "of the labels" if s["classes"] == "labels" else "of its own predictions"
            lines.append(f"whole network: accuracy {s['accuracy']:.4f} {of}, loss {s['loss']:.4f} nats")
        measure = "loss_rise" if s["classes"] is not None else "deviation"
        for name, row in self.table.sort_values(measure, ascending=False, kind="stable").head(SHOWN).iterrows():
            lines.append(f"  {_in_words(str(name), row, measure)}")
        if len(self) > SHOWN:
            lines.append(f"  … {len(self) - SHOWN:,} that cost less")
        return "\n".join(lines)


def _in_words(name: str, row: pd.Series, measure: str) -> str:
    told = f"{name} ({row['size']:,} {row['cut']}): " if row["size"] > 1 else f"{name}: "
    if measure == "loss_rise":
        told += f"accuracy {0.0 - row['accuracy_drop']:+.4f}, "
    told += f"{measure.replace('_rise', '')} {row[measure]:+.4g}"
    if np.isnan(row[f"{measure}_p"]):
        return f"{told}; {row['note']}"
    spread = "" if np.isnan(row[f"{measure}_sd"]) else f" ± {row[f'{measure}_sd']:.4g}"
    return f"{told} (random {row[f'{measure}_mean']:+.4g}{spread}, p {row[f'{measure}_p']:.3g})"
