"""States of touches as lists of SQL literals: the planner must see the words where a partial index serves a statement."""

from __future__ import annotations

from engine.core.timelines import states
from engine.store.fragments import quoted

OPEN = quoted(states.OPEN_TOUCHES)
RECALLABLE = quoted(states.RECALLABLE_TOUCHES)
COUNTED = quoted(states.COUNTED_TOUCHES)
DOUBTFUL = quoted(states.DOUBTFUL_TOUCHES)
