"""Does a template name only what there is? Asked when a definition is validated."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import nodes

from engine.core.errors import did_you_mean
from engine.core.templates.syntax import TemplateProblem, parse, place


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """What engine.yaml and segments.yaml declare: the names templates may use below `customer` and `metrics`."""

    attributes: Collection[str] = ()
    dimensions: Collection[str] = ()
    staff: Collection[str] = ()
    metrics: Collection[str] = ()
    """An rfm's parts by their whole name: rfm.r."""


_PLAIN = {"event": ("type", "time", "data"), "timeline": ("started", "day"), "sop": ("id", "title"), "step": ("id",)}
_ROOTS = ("customer", "metrics", *_PLAIN)
_CUSTOMER = ("ref", "name", "attributes", "tags", "dimensions", "staff")


def check(text: str, known: TemplateNames) -> list[TemplateProblem]:
    """Return everything wrong with a template: its syntax, what the language refuses, names that do not exist."""
    tree, problems = parse(text)
    if tree is None or problems:
        return problems
    return list(_unknown_names(tree, text, known, frozenset()))


def _unknown_names(
    node: nodes.Node, text: str, known: TemplateNames, local: frozenset[str]
) -> Iterator[TemplateProblem]:
    path = _path(node)
    if path:
        message = None if path[0] in local else _unknown(path, known)
        if message:
            yield TemplateProblem(node.lineno, place(text, node.lineno, ".".join(path), path[-1], path[0]), message)
        return
    inner = (
        local | {node.target.name, "loop"}
        if isinstance(node, nodes.For) and isinstance(node.target, nodes.Name)
        else local
    )
    for child in node.iter_child_nodes():
        outside = isinstance(node, nodes.For) and child is node.iter
        yield from _unknown_names(child, text, known, local if outside else inner)


def _path(node: nodes.Node) -> list[str]:
    """Return ["customer", "attributes", "budget"] for `customer.attributes.budget`, nothing for anything else."""
    parts: list[str] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getitem):
            key = node.arg.value if isinstance(node.arg, nodes.Const) else None
            parts.append(str(key))
        else:
            parts.append(node.attr)
        node = node.node
    return [node.name, *reversed(parts)] if isinstance(node, nodes.Name) else []


def _unknown(path: list[str], known: TemplateNames) -> str | None:
    root, rest = path[0], path[1:]
    if root == "customer":
        return _unknown_of_customer(rest, known)
    if root == "metrics":
        return _unknown_metric(rest, known)
    if root in _PLAIN:
        return _one_of(root, rest, _PLAIN[root])
    hint = _where_else(root, known) or did_you_mean(root, _ROOTS)
    return f"unknown name `{root}`; known: {', '.join(_ROOTS)}.{hint}"


def _one_of(owner: str, rest: list[str], members: Collection[str]) -> str | None:
    listed = ", ".join(f"`{owner}.{name}`" for name in members) or "none"
    if not rest:
        return f"`{owner}` is a group of values; name one of {listed}"
    return (
        None
        if rest[0] in members
        else f"unknown name `{owner}.{rest[0]}`; known: {listed}.{did_you_mean(rest[0], members)}"
    )


def _unknown_metric(rest: list[str], known: TemplateNames) -> str | None:
    groups = {name.partition(".")[0] for name in known.metrics if "." in name}
    if rest and rest[0] in groups:
        parts = [name.partition(".")[2] for name in known.metrics if name.startswith(f"{rest[0]}.")]
        return _one_of(f"metrics.{rest[0]}", rest[1:], parts)
    problem = _one_of("metrics", rest, sorted(known.metrics))
    return f"{problem} Define it under `metrics` in segments.yaml, or use one that is defined" if problem else None


def _unknown_of_customer(rest: list[str], known: TemplateNames) -> str | None:
    if rest and rest[0] not in _CUSTOMER:
        hint = _where_else(rest[0], known) or did_you_mean(
            f"customer.{rest[0]}", [f"customer.{name}" for name in _CUSTOMER]
        )
        return (
            f"unknown name `customer.{rest[0]}`; known: {', '.join(f'`customer.{name}`' for name in _CUSTOMER)}.{hint}"
        )
    if rest[:1] == ["name"]:
        remedy = "`customer.name` is the attribute `name`, which engine.yaml does not declare; add `name: text` under `attributes`"
        return None if "name" in known.attributes else remedy
    declared = {"attributes": known.attributes, "dimensions": known.dimensions, "staff": known.staff}
    if not rest or rest[0] not in declared:
        return _one_of("customer", rest, _CUSTOMER)
    problem = _one_of(f"customer.{rest[0]}", rest[1:], sorted(declared[rest[0]]))
    return f"{problem} Declare it under `{rest[0]}` in engine.yaml, or use one that is declared" if problem else None


def _where_else(name: str, known: TemplateNames) -> str | None:
    """Say where a name stands that was looked for in the wrong group."""
    if name in known.metrics:
        return f" Did you mean `metrics.{name}`?"
    for group, names in (("attributes", known.attributes), ("dimensions", known.dimensions), ("staff", known.staff)):
        if name in names:
            return f" Did you mean `customer.{group}.{name}`?"
    return f" Did you mean `customer.{name}`?" if name in _CUSTOMER else None
