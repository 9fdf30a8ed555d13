"""What every test shares: the --full switch, and CI's rule that a missing tool is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("netgraph", deadline=None, print_blob=True)  # a slow machine is no failure
settings.load_profile("netgraph")

collect_ignore_glob = ["conftest.py", "*/conftest.py"]  # several of one name: no doctests are looked for in them
ABSENT_DATA = ("shared/data", "shared data")
"""A skip whose reason says one of these stays a skip in CI: those files are no part of the repository."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run what is marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With CI=true a test that skips (no browser, no R) fails: a check that did not run proves nothing."""
    report: Any = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(words in reason for words in ABSENT_DATA):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: skipped where CI=true allows no skip ({reason})"
    return report
