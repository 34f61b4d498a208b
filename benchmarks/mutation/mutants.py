"""Small changes to one module, each a likely mistake: a comparison, a bound, an operator, a constant, a lost statement.

Texts, annotations, messages of errors and decorators are left alone: nobody is called at a wrong hour by a wrong word.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_QUIET: Final = {"strict", "frozen", "slots", "eq", "maxsize", "prefix", "suffix", "ensure_ascii", "separators"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Attributes:
        key: the same as long as the function around it is.
        index: place among the changes of the module.
        lines: of the statement the change is in, first and last.
        owner: name of the outermost function, or None for a statement of the module or a class.
        kind: the family of the change, as `comparison`.
        change: what is put in the stead of what.
    """

    key: str
    module: str
    index: int
    line: int
    lines: tuple[int, int]
    owner: str | None
    kind: str
    change: str


@dataclass(frozen=True, slots=True)
class _Site:
    node: ast.AST
    statement: ast.AST
    owner: ast.AST | None
    kind: str
    change: str
    apply: Callable[[], None]


def mutants(module: str, source: str) -> list[Mutant]:
    """Every change of one module."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    found = []
    for index, site in enumerate(_sites(tree)):
        owner = site.owner
        name = owner.name if isinstance(owner, ast.FunctionDef) else None
        around = ast.unparse(owner) if owner is not None else ast.unparse(site.node)
        text = f"{module} {name} {around} {site.kind} {site.change}"
        seen[text] = seen.get(text, 0) + 1
        key = hashlib.sha256(f"{text} {seen[text]}".encode()).hexdigest()[:16]
        first, last = _span(site.statement)
        line = getattr(site.node, "lineno", first)
        found.append(Mutant(key, module, index, line, (first, last), name, site.kind, site.change))
    return found


def mutated(source: str, index: int) -> ast.Module:
    """The module with one change made."""
    tree = ast.parse(source)
    for at, site in enumerate(_sites(tree)):
        if at == index:
            site.apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(index)


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _walk(tree, None, tree)


def _span(statement: ast.AST) -> tuple[int, int]:
    """First and last line; of a compound statement those of its head."""
    first = getattr(statement, "lineno", 0)
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return first, max(first, body[0].lineno - 1)
    return first, getattr(statement, "end_lineno", None) or first


def _walk(node: ast.AST, owner: ast.AST | None, statement: ast.AST) -> Iterator[_Site]:
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "bases"} or isinstance(
            node, ast.JoinedStr | ast.Assert
        ):
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            inner = child if owner is None and isinstance(child, ast.FunctionDef) else owner
            around = child if isinstance(child, ast.stmt | ast.match_case) and hasattr(child, "lineno") else statement
            at = place if isinstance(value, list) else None
            yield from (replace(site, statement=around) for site in _of(node, field, at, child, owner))
            yield from _walk(child, inner, around)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Assert():
            return True
        case ast.keyword(arg=str(name)) if name in _QUIET:
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _of(  # noqa: C901  # one case for each kind of change
    parent: ast.AST, field: str, place: int | None, node: ast.AST, owner: ast.AST | None
) -> Iterator[_Site]:
    def put(new: ast.AST) -> Callable[[], None]:
        ast.copy_location(new, node)
        return lambda: _put(parent, field, place, new)

    def site(kind: str, new: ast.AST | None, shown: str | None = None) -> _Site:
        before = ast.unparse(node)
        after = shown if shown is not None else (ast.unparse(ast.fix_missing_locations(new)) if new else "")
        short = f"`{_short(before)}` -> `{_short(after)}`" if after else f"`{_short(before)}` removed"
        return _Site(node, node, owner, kind, short, put(new if new is not None else ast.Pass()))

    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                for other in _COMPARISONS[type(op)]:
                    ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
                    yield site("comparison", ast.Compare(node.left, ops, node.comparators))
        case ast.BoolOp():
            yield site("and/or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
        case ast.UnaryOp(op=ast.Not()):
            yield site("not", node.operand)
        case ast.BinOp() if type(node.op) in _OPERATORS:
            yield site("operator", ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right))
        case ast.Constant(value=bool() as truth):
            yield site("constant", ast.Constant(not truth))
        case ast.Constant(value=int() as number):
            yield site("constant", ast.Constant(number + 1))
            if number > 0 and isinstance(parent, ast.Compare | ast.BinOp | ast.keyword | ast.Call):
                yield site("constant", ast.Constant(number - 1))
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield site("call", ast.Call(ast.Name(_CALLS[name], ast.Load()), node.args, node.keywords))
        case ast.If() | ast.While():
            if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
                turned = type(node)(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
                yield site("condition", turned, f"if not {ast.unparse(node.test)}")
        case ast.IfExp():
            yield site("condition", ast.IfExp(node.test, node.orelse, node.body))
        case ast.comprehension() if node.ifs:
            yield site("condition", ast.comprehension(node.target, node.iter, [], node.is_async), "every one")
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield site("return", ast.Return(ast.Constant(None)))
        case ast.Raise() | ast.AugAssign():
            yield site("statement", None)
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield site("statement", None)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield site("statement", None)
        case ast.Continue():
            yield site("statement", ast.Break())


def _put(parent: ast.AST, field: str, place: int | None, new: ast.AST) -> None:
    if place is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[place] = new


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:67] + "..."
