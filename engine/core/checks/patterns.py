"""Regular expressions that could run for ever, told by their form."""

from __future__ import annotations

import re

MAX_UNBOUNDED = 3
_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<open>\((?:\?(?:[aiLmsux-]*:|P<\w+>|[=!]|<[=!]|>))?)|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?|(?P<other>.)",
    re.DOTALL,
)


def danger(pattern: str) -> str | None:
    """Return why a pattern that compiles is refused, None where it is harmless.

    Refused are repeats of groups that repeat or choose inside, as `(a+)+` and `(a|b)*`, references to groups, and
    more than MAX_UNBOUNDED repeats without an upper bound: each can take time that grows faster than the text.
    """
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", pattern):
        return "refers to a group, which can run for ever; write it without"
    groups, unbounded, closed_loose = [False], 0, False
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            groups.append(False)
        elif kind == "close":
            closed_loose = groups.pop() if len(groups) > 1 else False
            groups[-1] = groups[-1] or closed_loose
            continue
        elif kind == "repeat" and token["repeat"] != "?":
            if closed_loose:
                return "repeats a group that repeats or chooses inside, which can run for ever; write it without the inner or outer repeat"
            groups[-1] = True
            unbounded += token["repeat"] in ("*", "+") or token["repeat"].endswith(",}")
        elif token["other"] == "|":
            groups[-1] = True
        closed_loose = False
    if unbounded > MAX_UNBOUNDED:
        return f"has {unbounded} repeats without an upper bound, at most {MAX_UNBOUNDED} are allowed; bound them, e.g. `.{{0,20}}`"
    return None
