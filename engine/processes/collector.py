"""Python's garbage collector in processes that live long and make many short-lived objects."""

from __future__ import annotations

import gc

_THRESHOLDS = (50_000, 20, 50)
"""Objects made before the youngest are looked at (Python: 700), and rounds before the older generations are."""


def spare_the_collector() -> None:
    """Leave what a process has loaded alone, and look seldom at what it makes.

    Rows and decisions go by reference counting as soon as a batch is done; the collector only walks over them in between.
    Call it once, when everything is loaded and before the work begins.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
