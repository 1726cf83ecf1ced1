"""Regular expressions that could run for ever, told by their form."""

from __future__ import annotations

import re

TEXT_LIMIT = 2_000
"""Characters of a text that a pattern is looked for in."""
MAX_WORK = 20_000_000
"""Ways of matching to be tried at most: well under a second."""

_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<open>\((?:\?(?:[aiLmsux-]*:|P<\w+>|[=!]|<[=!]|>))?)|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?|(?P<other>.)",
    re.DOTALL,
)


def danger(pattern: str) -> str | None:
    """Return why a pattern that compiles is refused, None where it is harmless.

    Refused are repeats of groups that repeat or choose inside, as `(a+)+` and `(a|b)*`, references to groups, and
    repeats that multiply to more than MAX_WORK ways of matching a text of TEXT_LIMIT characters.
    """
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", pattern):
        return "refers to a group, which can run for ever; write it without"
    if _repeats_loose_group(pattern):
        return "repeats a group that repeats or chooses inside, which can run for ever; repeat only one of both"
    if _work(pattern) > MAX_WORK:
        return "can take too long on a long text; bound its repeats, e.g. `.{0,20}`, or begin it with `^`"
    return None


def _repeats_loose_group(pattern: str) -> bool:
    groups, loose_before = [False], False
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "repeat" and loose_before:
            return True
        loose_before = False
        if kind == "open":
            groups.append(False)
        elif kind == "close" and len(groups) > 1:
            loose_before = groups.pop()
            groups[-1] = groups[-1] or loose_before
        elif (kind == "repeat" and _ways(token["repeat"]) > 1) or token["other"] == "|":
            groups[-1] = True
    return False


def _work(pattern: str) -> int:
    """Return how many ways there are to begin and to repeat."""
    work = 1 if pattern.startswith(("^", r"\A")) and "|" not in pattern else TEXT_LIMIT
    for token in _TOKEN.finditer(pattern):
        work *= _ways(token["repeat"]) if token.lastgroup == "repeat" else 1
    return work


def _ways(repeat: str) -> int:
    """Return how many lengths a repeat can have: 1 for {3}, 2 for ?, TEXT_LIMIT for * and +."""
    if repeat in "*+?":
        return 2 if repeat == "?" else TEXT_LIMIT
    low, comma, high = repeat.strip("{}").partition(",")
    if not comma:
        return 1
    return int(high) - int(low or 0) + 1 if high else TEXT_LIMIT
