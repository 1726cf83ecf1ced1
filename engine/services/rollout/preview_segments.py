"""Preview: how many customers each segment and value has under given definitions, and the moves a refresh now would make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.core.definitions import EngineConfig, SegmentsConfig
from engine.core.definitions.catalog import Definitions
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.scheduled import segment_moves
from engine.store.state import metrics

_NUMBERS = "preview_metrics"


@dataclass(frozen=True, slots=True)
class Move:
    """So many customers would go from one value to another."""

    before: str | None
    """None: they have no value yet."""
    after: str
    customers: int


@dataclass(slots=True)
class DimensionPreview:
    """A computed dimension after a refresh now."""

    sizes: dict[str, int]
    """Customers of each value, in the definition's order."""
    moves: list[Move]
    """The largest first."""
    undecided: int = 0
    """Customers for whom no value holds: they stay where they are."""


@dataclass(slots=True)
class Preview:
    """What definitions would come to."""

    segments: dict[str, int] = field(default_factory=dict)
    """Customers of each segment."""
    dimensions: dict[str, DimensionPreview] = field(default_factory=dict)


class SegmentPreviewer:
    """Works out what definitions would come to, on the customers as they are now. Writes nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def preview(
        self, config: EngineConfig, segments: SegmentsConfig, tell: Callable[[str], None] = lambda said: None
    ) -> Preview:
        """Return sizes and moves under engine.yaml and segments.yaml as given, SOPs as they are in force.

        Parameters:
            tell: is told what is being worked out, which can take a while.
        """
        found = Preview()
        with transaction(self._engine) as connection:
            in_force = self._current.read(connection)
        definitions = Definitions(in_force.generation, config, in_force.sops, segments=segments)
        with transaction(self._engine) as connection:  # without locking the generation: an apply would have to wait
            now = self._clock.now()
            tell(Sentence("metrics"))
            metrics.preview(connection, segments.stored_metrics, now, _NUMBERS)
            for name, conditions in segments.segments.items():
                tell(name)
                found.segments[name] = segment_moves.count_members(connection, conditions, definitions, now, _NUMBERS)
            for name, dimension in segments.dimensions.items():
                tell(name)
                value = segment_moves.value_of(name, dimension, definitions, now, _NUMBERS)
                rows = [(row.before, row.after, row.number) for row in segment_moves.count_moves(connection, value)]
                found.dimensions[name] = _dimension(dimension.names, rows)
        return found


def _dimension(names: tuple[str, ...], rows: list[tuple[str | None, str | None, int]]) -> DimensionPreview:
    sizes = dict.fromkeys(names, 0)
    for before, after, number in rows:
        stays = after or before
        if stays is not None:
            sizes[stays] = sizes.get(stays, 0) + number
    moves = [Move(before, after, number) for before, after, number in rows if after is not None and after != before]
    return DimensionPreview(sizes, moves, sum(number for _, after, number in rows if after is None))
