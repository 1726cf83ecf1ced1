"""Does a template name only what there is? Asked when a definition is validated."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import nodes

from engine.core.errors import did_you_mean, meant
from engine.core.sentence import Sentence, codes
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


def _unknown(path: list[str], known: TemplateNames) -> Sentence | None:
    root, rest = path[0], path[1:]
    if root == "customer":
        return _unknown_of_customer(rest, known)
    if root == "metrics":
        return _unknown_metric(rest, known)
    if root in _PLAIN:
        return _one_of(root, rest, _PLAIN[root])
    hint = _where_else(root, known) or did_you_mean(root, _ROOTS)
    return Sentence("unknown name `{name}`; known: {names}.{hint}", name=root, names=codes(_ROOTS), hint=hint)


def _one_of(owner: str, rest: list[str], members: Collection[str]) -> Sentence | None:
    names: object = [f"`{owner}.{name}`" for name in members] or Sentence("none")
    if not rest:
        return Sentence("`{name}` is a group of values; name one of {names}", name=owner, names=names)
    if rest[0] in members:
        return None
    hint = did_you_mean(rest[0], members)
    return Sentence("unknown name `{name}`; known: {names}.{hint}", name=f"{owner}.{rest[0]}", names=names, hint=hint)


def _unknown_metric(rest: list[str], known: TemplateNames) -> Sentence | None:
    groups = {name.partition(".")[0] for name in known.metrics if "." in name}
    if rest and rest[0] in groups:
        parts = [name.partition(".")[2] for name in known.metrics if name.startswith(f"{rest[0]}.")]
        return _one_of(f"metrics.{rest[0]}", rest[1:], parts)
    problem = _one_of("metrics", rest, sorted(known.metrics))
    remedy = Sentence(" Define it under `metrics` in segments.yaml, or use one that is defined")
    return problem + remedy if problem else None


def _unknown_of_customer(rest: list[str], known: TemplateNames) -> Sentence | None:
    if rest and rest[0] not in _CUSTOMER:
        hint = _where_else(rest[0], known) or did_you_mean(
            f"customer.{rest[0]}", [f"customer.{name}" for name in _CUSTOMER]
        )
        names = [f"`customer.{name}`" for name in _CUSTOMER]
        name = f"customer.{rest[0]}"
        return Sentence("unknown name `{name}`; known: {names}.{hint}", name=name, names=names, hint=hint)
    if rest[:1] == ["name"]:
        remedy = Sentence(
            "`customer.name` is the attribute `name`, which engine.yaml does not declare; add `name: text` under `attributes`"
        )
        return None if "name" in known.attributes else remedy
    declared = {"attributes": known.attributes, "dimensions": known.dimensions, "staff": known.staff}
    if not rest or rest[0] not in declared:
        return _one_of("customer", rest, _CUSTOMER)
    problem = _one_of(f"customer.{rest[0]}", rest[1:], sorted(declared[rest[0]]))
    remedy = Sentence(" Declare it under `{key}` in engine.yaml, or use one that is declared", key=rest[0])
    return problem + remedy if problem else None


def _where_else(name: str, known: TemplateNames) -> Sentence | None:
    """Say where a name stands that was looked for in the wrong group."""
    if name in known.metrics:
        return meant(f"metrics.{name}")
    for group, names in (("attributes", known.attributes), ("dimensions", known.dimensions), ("staff", known.staff)):
        if name in names:
            return meant(f"customer.{group}.{name}")
    return meant(f"customer.{name}") if name in _CUSTOMER else None
