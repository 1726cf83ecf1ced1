"""Where a line of Chinese may be broken: between any two characters, with no blank there.

Rich breaks at blanks only, and in tables cuts off what is too long then.
"""

from __future__ import annotations

import re

from rich import _wrap  # it has no other place for this
from rich.cells import cell_len
from rich.text import Text

_CHARACTER = "\u2e80-\u2fff\u3003-\u3007\u3012-\u9fff\uf900-\ufaff"
_OPENING = "（「『《【〈“‘"
"""Does not end a line."""
_CLOSING = "，。；：、！？）」』》】〉”’"
"""Does not begin one."""

PIECE = re.compile(
    rf"\s*(?:[{_OPENING}]*(?:[{_CHARACTER}]|[^\s{_CHARACTER}{_OPENING}{_CLOSING}]+)[{_CLOSING}]*|[{_OPENING}]+[{_CLOSING}]*|[{_CLOSING}]+)\s*"
)
"""What stays together, with the blanks around it: a word of Latin letters, or one character, and the punctuation that belongs to it."""


def break_between_characters() -> None:
    """Have Rich break lines so. Nothing changes for texts without Chinese in them."""
    _wrap.re_word = PIECE
    Text.rstrip_end = _without_blanks_beyond  # type: ignore[method-assign, assignment]  # Rich's counts characters where columns are meant


def _without_blanks_beyond(text: Text, columns: int) -> None:
    """Take away the blanks at the end of a line that would stand beyond its last column."""
    blanks = len(text.plain) - len(text.plain.rstrip())
    beyond = min(blanks, cell_len(text.plain) - columns)
    if beyond > 0:
        text.right_crop(beyond)
