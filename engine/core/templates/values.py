"""Values as templates see them: data only, each knowing its path, with no way to Python's attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Self

from jinja2 import StrictUndefined

from engine.core.errors import TemplateError
from engine.core.sentence import Sentence


class Missing(StrictUndefined):
    """A value that is not there. Every use but `default` and `is defined` raises."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> Sentence:
        return Sentence("`{name}` is not known", name=self._undefined_name)


class Group:
    """Named values: `customer`, `customer.attributes`, an object in the event's data."""

    __slots__ = ("path", "values")

    def __init__(self, values: Mapping[str, Any], path: str) -> None:
        self.values = values
        self.path = path

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __iter__(self) -> Iterator[Any]:
        raise TemplateError(
            Sentence("`{name}` is a group of values and cannot be gone through; name one of them", name=self.path)
        )

    def __str__(self) -> str:
        raise TemplateError(Sentence("`{name}` is a group of values; name one of them", name=self.path))


class Listing(tuple[Any, ...]):
    """A list of values, printed only through `join`."""

    path: str

    def __new__(cls, values: Iterable[Any], path: str = "") -> Self:
        """Make a list that knows its path in the context."""
        made = super().__new__(cls, values)
        made.path = path
        return made

    def __add__(self, other: Any) -> Listing:
        """Return both lists as one. Raises TemplateError for anything else than a list."""
        if not isinstance(other, Listing):
            raise TemplateError(Sentence("`+` joins lists with lists only"))
        return Listing((*self, *other))

    def __str__(self) -> str:
        what = Sentence("`{name}`", name=self.path) if self.path else Sentence("a value")
        said = Sentence("{what} is a list; write `| join('、')` after it, or name one element", what=what)
        raise TemplateError(said)


def wrap(value: Any, path: str) -> Any:
    """Return `value` as templates may use it; None becomes `Missing`."""
    if value is None:
        return Missing(name=path)
    if isinstance(value, Mapping):
        return Group(value, path)
    if isinstance(value, AbstractSet):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return Listing([wrap(each, f"{path}[{index}]") for index, each in enumerate(value)], path)
    return value


def member(owner: Any, name: Any) -> Any:
    """Return one member of a wrapped value, or `Missing` under its full path."""
    if isinstance(owner, Group):
        path = f"{owner.path}.{name}"
        return wrap(owner.values.get(name), path)
    if isinstance(owner, Missing):
        return Missing(name=f"{owner._undefined_name}.{name}")
    if isinstance(owner, Listing):
        path = f"{owner.path}[{name}]"
        inside = isinstance(name, int) and -len(owner) <= name < len(owner)
        return owner[name] if inside else Missing(name=path)
    return Missing(name=f"{name}")
