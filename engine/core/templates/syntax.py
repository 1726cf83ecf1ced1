"""The part of Jinja2 that messages may use. What is not listed here is refused, whatever Jinja2 learns to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateAssertionError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core.errors import did_you_mean
from engine.core.sentence import Sentence, codes
from engine.core.templates.filters import FILTERS, OUTPUT_LIMIT, unknown_code, unknown_date_code
from engine.core.templates.jinja_texts import JINJA

MAX_DEPTH = 50
MAX_NODES = 2_000
MAX_LOOPS = 2

_ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.For),
    *(nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Const, nodes.List, nodes.Tuple),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Div, nodes.Neg, nodes.Concat),
)
_REFUSED: dict[type[nodes.Node], Sentence] = {
    nodes.Call: Sentence("calls are not allowed; use a filter, e.g. `{{ customer.attributes.city | upper }}`"),
    nodes.Mul: Sentence("`{word}` is not allowed in templates", word="*"),
    nodes.Pow: Sentence("`{word}` is not allowed in templates", word="**"),
    nodes.Assign: Sentence("`{word}` is not allowed in templates", word="set"),
    nodes.AssignBlock: Sentence("`{word}` is not allowed in templates", word="set"),
    nodes.Macro: Sentence("`{word}` is not allowed in templates", word="macro"),
    nodes.Slice: Sentence("slices such as `[:5]` are not allowed; use `truncate`"),
    nodes.Keyword: Sentence("named arguments are not allowed; write the values in order"),
}
_LOOP_MEMBERS = ("index", "index0", "first", "last", "length")


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """One thing wrong with a template; line and column count from 1, column 0 means unknown."""

    line: int
    column: int
    message: Sentence


def parser() -> Environment:
    """Return an environment that knows our filters and nothing else."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update(FILTERS)
    environment.tests = {name: environment.tests[name] for name in ("defined", "undefined")}
    return environment


_PARSER = parser()


def parse(text: str) -> tuple[nodes.Template | None, list[TemplateProblem]]:
    """Return the template's tree, None where it cannot be read, and everything the language refuses in it."""
    if len(text) > OUTPUT_LIMIT:
        said = Sentence("the template has {number:,} characters; at most {limit:,} are allowed")
        return None, [TemplateProblem(1, 1, said.with_values(number=len(text), limit=OUTPUT_LIMIT))]
    try:
        tree = _PARSER.parse(text)
    except (TemplateSyntaxError, TemplateAssertionError) as error:
        line = min(error.lineno, text.count("\n") + 1)
        said = JINJA.said(error.message or "") + _syntax_hint(text)
        return None, [TemplateProblem(line, _opening(text, line), said)]
    except RecursionError:
        said = Sentence("nested too deeply; at most {limit} levels are allowed", limit=MAX_DEPTH)
        return None, [TemplateProblem(1, 1, said)]
    except (ValueError, OverflowError):
        return None, [TemplateProblem(1, 1, Sentence("a number in the template is too large"))]
    return tree, list(_refusals(tree, text))


def place(text: str, line: int, *words: str) -> int:
    """Return the column (from 1) of the first of `words` in a line of the template, 0 where none stands there."""
    content = text.split("\n")[line - 1] if line <= text.count("\n") + 1 else ""
    return next((content.find(word) + 1 for word in words if word and word in content), 0)


def _opening(text: str, line: int) -> int:
    return place(text, line, "{{", "{%") or 1


def _syntax_hint(text: str) -> Sentence:
    sign = next((sign for sign in "（）“”‘’｛｝｜" if sign in text), None)
    return Sentence("; inside {{{{ }}}} write half-width signs, not `{sign}`", sign=sign) if sign else Sentence("")


@dataclass(frozen=True, slots=True)
class _Visit:
    """A node with what stands around it."""

    node: nodes.Node
    line: int
    depth: int = 0
    loops: int = 0
    parent: nodes.Node | None = None

    def children(self) -> Iterator[_Visit]:
        loops = self.loops + isinstance(self.node, nodes.For)
        for child in reversed(list(self.node.iter_child_nodes())):
            yield _Visit(child, child.lineno or self.line, self.depth + 1, loops, self.node)


def _walk(tree: nodes.Node) -> Iterator[_Visit]:
    waiting = [_Visit(tree, 1)]
    while waiting:
        visit = waiting.pop()
        yield visit
        waiting.extend(visit.children())


def _refusals(tree: nodes.Template, text: str) -> Iterator[TemplateProblem]:
    for count, visit in enumerate(_walk(tree)):
        if count > MAX_NODES or visit.depth > MAX_DEPTH:
            deep = Sentence("the template is nested deeper than {limit} levels; make it simpler", limit=MAX_DEPTH)
            long = Sentence("the template is longer than {limit:,} parts; make it simpler", limit=MAX_NODES)
            yield TemplateProblem(visit.line, 0, deep if visit.depth > MAX_DEPTH else long)
            return
        message = _refusal(visit)
        if message:
            name = getattr(visit.node, "attr", None) or getattr(visit.node, "name", None)
            column = place(text, visit.line, name if isinstance(name, str) else "", "{{", "{%")
            yield TemplateProblem(visit.line, column, message)


def _refusal(visit: _Visit) -> Sentence | None:
    node = visit.node
    if not isinstance(node, _ALLOWED):
        other = Sentence("`{word}` is not part of the template language", word=type(node).__name__.lower())
        return _REFUSED.get(type(node), other)
    if isinstance(node, nodes.For):
        return _for(node, visit.loops)
    if isinstance(node, (nodes.List, nodes.Tuple)):
        return _literal_list(node, visit.parent)
    rule = _RULES.get(type(node))
    return rule(node) if rule else None


def _literal_list(node: nodes.List | nodes.Tuple, parent: nodes.Node | None) -> Sentence | None:
    fixed = all(isinstance(each, nodes.Const) for each in node.items)
    if fixed and isinstance(parent, nodes.Operand) and parent.op in ("in", "notin"):
        return None
    return Sentence("a list may only stand after `in`, with fixed values: `customer.dimensions.stage in ['A', 'B']`")


def _filter(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Filter)
    if node.name not in FILTERS:
        return Sentence(
            "unknown filter `{name}`; known: {names}.{hint}",
            name=node.name, names=codes(sorted(FILTERS)), hint=did_you_mean(node.name, FILTERS),
        )  # fmt: skip
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        return _REFUSED[nodes.Keyword]
    pattern = node.args[0] if node.name == "date" and node.args else None
    wrong = (
        unknown_date_code(pattern.value)
        if isinstance(pattern, nodes.Const) and isinstance(pattern.value, str)
        else None
    )
    return unknown_code(wrong) if wrong else None


def _attribute(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Getattr)
    return _private(node.attr) or _loop_member(node)


def _loop_member(node: nodes.Getattr) -> Sentence | None:
    if not (isinstance(node.node, nodes.Name) and node.node.name == "loop") or node.attr in _LOOP_MEMBERS:
        return None
    return Sentence("`{name}` is not known; known: {names}", name=f"loop.{node.attr}", names=codes(_LOOP_MEMBERS))


def _private(name: str) -> Sentence | None:
    if not name.startswith("_"):
        return None
    return Sentence("`{name}`: names that begin with `_` are not allowed", name=name)


def _name(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Name)
    return _private(node.name)


def _item(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Getitem)
    key = node.arg.value if isinstance(node.arg, nodes.Const) else None
    if isinstance(node.arg, nodes.Slice):
        return None
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        return Sentence("write a fixed name or number in [ ], e.g. `event.data['order-id']`")
    return _private(key) if isinstance(key, str) else None


def _const(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Const)
    if node.value is None:
        return Sentence("`none` is not allowed: it would be sent as a word; write a text")
    finite = not isinstance(node.value, float) or math.isfinite(node.value)
    return None if finite else Sentence("a number in the template is too large")


def _inline_if(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.CondExpr)
    if node.expr2:
        return None
    return Sentence("an inline `if` needs its `else`, e.g. `{{ 'A' if customer.attributes.vip else 'B' }}`")


def _test(node: nodes.Node) -> Sentence | None:
    assert isinstance(node, nodes.Test)
    known = ("defined", "undefined")
    if node.name in known:
        return None
    return Sentence("`{name}` is not known; known: {names}", name=f"is {node.name}", names=codes(known))


def _for(node: nodes.For, loops: int) -> Sentence | None:
    if loops >= MAX_LOOPS:
        return Sentence("`for` may be nested {limit} deep at most", limit=MAX_LOOPS)
    if node.recursive or not isinstance(node.target, nodes.Name):
        return Sentence("write `{% for x in customer.tags %}`: one name, not recursive")
    return None


_RULES: dict[type[nodes.Node], Callable[[nodes.Node], Sentence | None]] = {
    nodes.Filter: _filter,
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.Name: _name,
    nodes.Const: _const,
    nodes.CondExpr: _inline_if,
    nodes.Test: _test,
}
