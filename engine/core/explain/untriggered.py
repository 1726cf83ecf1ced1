"""What the triggers of an SOP that nobody starts are waiting for, and what came in instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.definitions import Moment, Sop
from engine.core.explain.likeness import comparable, nearest_first, similarity
from engine.core.explain.sop_report import SeenEvent, UntriggeredTrigger
from engine.core.matching.triggers import type_of
from engine.core.sentence import Sentence

_MOST_NEAR = 5
_ALIKE = 0.5
"""A type of event less like the one waited for than this is another one, not a misspelling."""


def untriggered(
    sop: Sop,
    written: Sequence[Sentence],
    by_type: Mapping[str, Sequence[SeenEvent]],
    types: Mapping[str, SeenEvent],
    already: Mapping[int, int],
) -> list[UntriggeredTrigger]:
    """Return each trigger with what was seen of it and near it.

    Parameters:
        written: the triggers in words, in their order.
        by_type: what events of a type named, with how often.
        types: every type of event that came in.
        already: by a trigger's place: how many customers meet it from before.
    """
    return [
        UntriggeredTrigger(
            written[index],
            f"trigger/{index}/{moment.kind}",
            *_seen_and_near(moment, by_type, types),
            already.get(index),
        )
        for index, moment in enumerate(sop.trigger)
    ]


def _seen_and_near(
    moment: Moment, by_type: Mapping[str, Sequence[SeenEvent]], types: Mapping[str, SeenEvent]
) -> tuple[list[SeenEvent], list[SeenEvent]]:
    """Return what was seen of a moment and, where that is nothing, what was seen that is like it."""
    kind, names = type_of(moment), moment.names
    if kind is None:
        return [], []
    if not names:
        seen = [types[kind]] if kind in types else []
        alike = [each for each in types.values() if similarity(each.name, kind) >= _ALIKE]
        return seen, [] if seen else _near(alike, (kind,))
    of_type = by_type.get(kind, ())
    seen = [each for each in of_type if each.name in names]
    same = [each for each in of_type if each.name not in names and comparable(each.name, names)]
    return seen, [] if seen else _near(same, names)


def _near(events: Sequence[SeenEvent], wanted: Sequence[str]) -> list[SeenEvent]:
    by_name = {each.name: each for each in events}
    return [by_name[name] for name in nearest_first(by_name, wanted)[:_MOST_NEAR]]
