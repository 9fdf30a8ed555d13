"""The import of torchvision that survives a torch without CUDA."""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

MISSING = {  # operator schemas that torchvision registers fakes for, and that its compiled half does not always bring
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: list[torch.library.Library] = []  # a Library takes its schemas with it when it is collected


def load_torchvision() -> ModuleType:
    """torchvision, also where its wheel was built for another torch than the one that is installed.

    Such a wheel says ``operator torchvision::nms does not exist`` when it is imported. The two operators are declared
    (without a kernel: only detection models use them) and the import is tried again: models, transforms and data sets
    work.

    >>> load_torchvision().__name__
    'torchvision'
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in MISSING.values():
        library.define(schema)
    _library.append(library)
    return importlib.import_module("torchvision")
