"""The words of `sop plan` and `sop versions` that depend on a name."""

from __future__ import annotations

from engine.core.sentence import Sentence

PLAN_COLUMN = {
    "step": Sentence("step"),
    "waiting": Sentence.within("plan", "waiting"),
    "to_come": Sentence("still to come"),
    "gets": Sentence("new"),
    "moves": Sentence("moved"),
    "loses": Sentence("lost"),
    "passed": Sentence("passed"),
    "day": Sentence("day"),
    "channel": Sentence("channel"),
    "before": Sentence("in force"),
    "after": Sentence("planned"),
    "difference": Sentence("difference"),
}
"""Columns, by what they count."""

EXISTING_MODE = {
    "ignore": Sentence("existing: ignore; they are left alone"),
    "again": Sentence("the id was applied before, so `existing` is not asked again; they are left alone"),
    "join": Sentence("existing: join; {starts} enter"),
    "start": Sentence("existing: start now; {starts} enter, {per_day} a day at most, in {days} days"),
}
"""What becomes of customers who meet a new SOP's trigger already."""

VERSION_CHANGE = {
    "new": Sentence("new: {names}"),
    "changed": Sentence("changed: {names}"),
}
"""What a generation brought."""

NONE_ENDS = Sentence("none ends")

GATE_EFFECT = {
    "held": Sentence("held back by {why}: {before} → {after}"),
    "lost": Sentence("never sent, for {why}: {before} → {after}"),
}
"""What gates do to touches to come, before and after the change."""
