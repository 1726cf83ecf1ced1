"""Turning a template into text, or saying why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import Template, UndefinedError, nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core.errors import MissingValue, SopError, TemplateError
from engine.core.foreign_texts import PYTHON
from engine.core.sentence import Sentence, sentence_of
from engine.core.templates.filters import FILTERS, OUTPUT_LIMIT, bounded
from engine.core.templates.syntax import parse
from engine.core.templates.values import Group, Missing, member, wrap


class _Environment(ImmutableSandboxedEnvironment):
    """Members are looked up in data only: there is no way from a value to Python's attributes."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return member(obj, attribute)

    def getitem(self, obj: Any, argument: str | Any) -> Any:
        return member(obj, argument)


def _printed(value: Any) -> Any:
    if value is None:
        raise MissingValue(Sentence("a value is empty; supply it or write `| default('…')`"))
    if isinstance(value, bool):
        raise TemplateError(Sentence("a value is true or false, not a text; write `{{ '…' if … else '…' }}`"))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _environment() -> _Environment:
    environment = _Environment(undefined=Missing, finalize=_printed, trim_blocks=True, lstrip_blocks=True, cache_size=0)
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update(FILTERS, _bounded=bounded)
    environment.tests = {name: environment.tests[name] for name in ("defined", "undefined")}
    return environment


_ENVIRONMENT = _environment()


class _Compiled:
    """A template ready to run; the names it uses decide which part of the context is read."""

    __slots__ = ("chunks", "template")

    def __init__(self, text: str) -> None:
        tree, problems = parse(text)
        if tree is None or problems:
            first = problems[0]
            raise TemplateError(Sentence("line {line} of the template: {said}", line=first.line, said=first.message))
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(
                loop.iter, "_bounded", [], [], None, None, lineno=loop.lineno, environment=_ENVIRONMENT
            )
        self.template = Template.from_code(_ENVIRONMENT, _ENVIRONMENT.compile(tree), {})
        self.chunks: Callable[[Context], Iterator[str]] = self.template.root_render_func


@lru_cache(maxsize=4096)
def _compiled(text: str) -> _Compiled:
    return _Compiled(text)


def render(text: str, context: Mapping[str, Any]) -> str:
    """Return the text a template makes of `context` (customer, event, timeline, sop, step).

    `date` shows moments in the zone `customer.timezone`, UTC where there is none.

    Raises MissingValue, naming the value, where one is missing or None without a `default`, and TemplateError, with
    the line and the reason, for everything else, including a text over OUTPUT_LIMIT characters.
    """
    compiled = _compiled(text)
    values = {name: Group(value, name) if type(value) is dict else wrap(value, name) for name, value in context.items()}
    try:
        return _bounded_text(compiled.chunks(Context(_ENVIRONMENT, values, compiled.template.name, {})))
    except UndefinedError as error:
        missing = _in_line(sentence_of(error), compiled, error.__traceback__)
        said = Sentence("{said}; supply it, or write `| default('…')` after it", said=missing)
        raise MissingValue(said) from error
    except SopError as error:
        raise type(error)(_in_line(sentence_of(error), compiled, error.__traceback__)) from error
    except Exception as error:  # whatever a template does, it is the template that is wrong
        raise TemplateError(_in_line(_reason(error), compiled, error.__traceback__)) from error


def _bounded_text(chunks: Iterator[str]) -> str:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > OUTPUT_LIMIT:
            raise TemplateError(
                Sentence("the text is over {limit:,} characters; shorten it, e.g. with `truncate`", limit=OUTPUT_LIMIT)
            )
        parts.append(chunk)
    return "".join(parts)


def _reason(error: Exception) -> Sentence:
    name = Sentence.within("error", "{name}", name=type(error).__name__)
    if isinstance(error, (TypeError, ZeroDivisionError)):
        return Sentence("{name}: {said}", name=name, said=PYTHON.said(str(error)))
    return name  # Other errors may quote the value, which is a customer's.


def _in_line(said: Sentence, compiled: _Compiled, traceback: TracebackType | None) -> Sentence:
    line = 0
    while traceback:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = compiled.template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return Sentence("{said} (line {line} of the template)", said=said, line=line) if line else said
