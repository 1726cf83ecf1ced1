"""The filters templates may use: total on values that are there, bounded in what they build, silent about what is not.

Their errors name what is wanted, never the value: it is a customer's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.filters import do_default
from jinja2.runtime import Context

from engine.core.errors import TemplateError
from engine.core.sentence import Sentence
from engine.core.templates.values import Group, Listing
from engine.core.time.arithmetic import zone

OUTPUT_LIMIT = 20_000
"""Characters a rendered template may have at most."""
LOOP_LIMIT = 200
"""Elements a `for` goes through at most."""

_DATE_CODE = re.compile(r"%(-?[A-Za-z%]?)")
_DATE_CODES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "-m": lambda at: str(at.month),
    "d": lambda at: f"{at.day:02}",
    "-d": lambda at: str(at.day),
    "H": lambda at: f"{at.hour:02}",
    "-H": lambda at: str(at.hour),
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "u": lambda at: str(at.isoweekday()),
    "F": lambda at: at.date().isoformat(),
    "%": lambda at: "%",
}


def unknown_date_code(pattern: str) -> str | None:
    """Return the first code of a `date` pattern that is not known, or None."""
    return next((f"%{code}" for code in _DATE_CODE.findall(pattern) if code not in _DATE_CODES), None)


def unknown_code(wrong: str) -> Sentence:
    """Return what to say of a code that a `date` pattern may not have."""
    known = " ".join(f"%{code}" for code in _DATE_CODES)
    return Sentence("date does not know `{code}`; known: {names}", code=wrong, names=known)


def _text(value: Any) -> str:
    text = str(value)
    if len(text) > OUTPUT_LIMIT:
        raise TemplateError(
            Sentence(
                "a text is over {limit:,} characters; shorten it with `truncate` where it is made", limit=OUTPUT_LIMIT
            )
        )
    return text


def _number(value: Any) -> int | float:
    if isinstance(value, Undefined):
        str(value)
    try:
        number = value if isinstance(value, (int, float)) else float(_text(value).strip())
    except ValueError:
        said = Sentence("a value is not a number; use int, float, round and abs only on numbers")
        raise TemplateError(said) from None
    if not math.isfinite(number):
        raise TemplateError(Sentence("a value is not a finite number"))
    return number


def _whole(value: Any) -> int | float:
    number = _number(value)
    return int(number) if number == int(number) else number


def _list(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise TemplateError(Sentence("join, first, last, sort, unique and `for` need a list"))


def _replace(value: Any, old: Any, new: Any) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    if len(text) + text.count(before) * (len(after) - len(before)) > OUTPUT_LIMIT:
        raise TemplateError(Sentence("replace would make a text of more than {limit:,} characters", limit=OUTPUT_LIMIT))
    return text.replace(before, after)


def _truncate(value: Any, length: Any = 255, end: Any = "…") -> str:
    text, limit, tail = _text(value), int(_number(length)), _text(end)
    return text if len(text) <= limit else text[: max(0, limit - len(tail))] + tail


def _round(value: Any, digits: Any = 0) -> int | float:
    places = int(_number(digits))
    if not 0 <= places <= 10:
        raise TemplateError(Sentence("round takes 0 to 10 digits"))
    rounded = round(_number(value), places)
    return rounded if places else int(rounded)


def _join(value: Any, between: Any = "、") -> str:
    parts, separator = [_text(each) for each in _list(value)], _text(between)
    if sum(map(len, parts)) + len(separator) * len(parts) > OUTPUT_LIMIT:
        raise TemplateError(Sentence("join would make a text of more than {limit:,} characters", limit=OUTPUT_LIMIT))
    return separator.join(parts)


def _length(value: Any) -> int:
    return len(value.values) if isinstance(value, Group) else len(value if isinstance(value, tuple) else _text(value))


def _end(value: Any, index: int) -> Any:
    elements = _list(value)
    if not elements:
        raise TemplateError(Sentence("first and last need a list with at least one element; ask with `if` before"))
    return elements[index]


def _sort(value: Any) -> Listing:
    elements = _list(value)
    try:
        return Listing(sorted(elements))
    except TypeError:
        raise TemplateError(Sentence("sort needs elements of one kind, all numbers or all texts")) from None


def _unique(value: Any) -> Listing:
    return Listing(dict.fromkeys(_list(value)))


@pass_context
def _date(context: Context, value: Any, pattern: Any = "%Y-%m-%d") -> str:
    moment, text = _moment(value), _text(pattern)
    if moment.tzinfo:
        moment = moment.astimezone(zone(_zone_of(context)))
    if wrong := unknown_date_code(text):
        raise TemplateError(unknown_code(wrong))
    return _DATE_CODE.sub(lambda code: _DATE_CODES[code[1]](moment), text)


def _zone_of(context: Context) -> str:
    customer = context.parent.get("customer")
    return (customer.values.get("timezone") if isinstance(customer, Group) else None) or "UTC"


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(_text(value).strip())
    except ValueError:
        said = Sentence("date needs a date, such as 2026-01-31 or 2026-01-31T10:00:00+08:00")
        raise TemplateError(said) from None


def bounded(value: Any) -> tuple[Any, ...]:
    """Return the elements a `for` goes through. Raises TemplateError for no list, or one over LOOP_LIMIT."""
    elements = _list(value)
    if len(elements) > LOOP_LIMIT:
        said = Sentence("`for` goes through {limit} elements at most; this list has {number}")
        raise TemplateError(said.with_values(limit=LOOP_LIMIT, number=len(elements)))
    return elements


FILTERS: dict[str, Callable[..., Any]] = {
    "default": do_default,
    "d": do_default,
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "title": lambda value: _text(value).title(),
    "capitalize": lambda value: _text(value).capitalize(),
    "trim": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "replace": _replace,
    "round": _round,
    "int": lambda value: int(_number(value)),
    "float": lambda value: float(_number(value)),
    "abs": lambda value: abs(_whole(value)),
    "join": _join,
    "length": _length,
    "count": _length,
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "sort": _sort,
    "unique": _unique,
    "date": _date,
}
"""By the name templates use."""
