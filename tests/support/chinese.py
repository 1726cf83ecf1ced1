"""Which words of a Chinese text are English ones that should not be there."""

from __future__ import annotations

import re

from engine.messages.languages import tell

_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|\{[^{}]*\}|\[[^\]]*\]|<[^>]*>|“[A-Za-z][^”]*”")
"""What stands for itself: code, keys and values as they are written, placeholders."""
_COMMANDS = re.compile(r"\bsop [a-z][\x20-\x7e]*")
"""A command as it is typed, up to the next Chinese character or the end of the line."""
_NAMES = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|"
    r"https?://\S+|(?<![\w-])--?[a-z][\w-]*|SOP_\w*|[\w.\-]*[._/:=@*\\][\w./\-:=@*\\]*|\b[a-z]+-[a-z-]+\b|\b\w*\d\w*\b|\b[A-Z][A-Z-]*s?\b"
)
"""UUIDs, addresses, options, files, dotted types, codes, hyphenated ids, anything with a digit, abbreviations and placeholders."""

ALLOWED = frozenset((
    "Accept", "Authorization", "Bearer", "Celery", "CloudEvent", "CloudEvents", "Content", "Encoding", "Ctrl",
    "DevTools", "Docker", "Excel", "Jinja", "Key", "PostgreSQL", "Prometheus", "Python", "Redis", "Retry",
    "After", "Schema", "Unix", "Unicode", "Valkey", "Webhook", "WeCom", "YAML", "beat", "charset", "cron",
    "doctor", "false", "holidays", "html", "id", "ids", "json", "log", "matcher", "null", "off", "on", "plan",
    "sandbox", "send", "sop", "table", "true", "webhook", "worker", "wheel",
))  # fmt: skip
"""Names of products, processes and commands, and words of the formats themselves."""


def english_words(text: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    """Return the English words of a text, without codes, keys and names, and without those allowed."""
    bare = _QUOTED.sub(" ", _QUOTED.sub(" ", text))
    bare = _NAMES.sub(" ", _COMMANDS.sub(" ", bare))
    return [each for each in re.findall(r"[A-Za-z]{2,}", bare) if each not in ALLOWED | allowed]


def english_left(said: object, *allowed: str) -> list[str]:
    """Return the English words that are left of a sentence when it is said in Chinese."""
    return english_words(tell(said, "zh"), frozenset(allowed))
