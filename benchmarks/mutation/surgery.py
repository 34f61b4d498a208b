"""Puts one change into the running process: the code of a function is exchanged, a constant is set anew.

Only in a child process that ends after its tests: nothing is put back.
"""

from __future__ import annotations

import ast
import functools
import sys
import types
from typing import Any

from benchmarks.mutation.mutants import Mutant, mutated


def operate(mutant: Mutant, source: str) -> None:
    """Change the loaded module as the mutant says."""
    module = sys.modules[mutant.module]
    tree = mutated(source, mutant.index)
    code = compile(tree, str(module.__file__), "exec")
    if mutant.owner is not None and _exchange(module, ast.parse(source), code):
        return
    _execute_anew(module, ast.parse(source), mutant.line, code)


def _functions(holder: types.ModuleType | type) -> dict[tuple[str, int], types.FunctionType]:
    """Functions of a module and its classes by name and line; decorated ones by what they wrap."""
    found: dict[tuple[str, int], types.FunctionType] = {}
    for value in list(vars(holder).values()):
        if isinstance(value, property):
            value = value.fget
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()
            value = value.__wrapped__
        if isinstance(value, types.FunctionType):
            found[value.__code__.co_qualname, value.__code__.co_firstlineno] = value
        elif isinstance(value, type) and value.__module__ == holder.__name__ and isinstance(holder, types.ModuleType):
            found |= _functions_of_class(value)
    return found


def _functions_of_class(holder: type) -> dict[tuple[str, int], types.FunctionType]:
    found: dict[tuple[str, int], types.FunctionType] = {}
    for value in list(vars(holder).values()):
        inner = value.fget if isinstance(value, property) else value
        if isinstance(inner, types.FunctionType):
            found[inner.__code__.co_qualname, inner.__code__.co_firstlineno] = inner
    return found


def _exchange(module: types.ModuleType, plain: ast.Module, code: types.CodeType) -> bool:
    """Exchange the code of every function that differs; False where the change is not in a function's body."""
    before = compile(plain, str(module.__file__), "exec")
    old, new = _codes(before), _codes(code)
    known = _functions(module)
    done = False
    for name, body in new.items():
        if name in old and name in known and _differs(body, old[name]):
            known[name].__code__ = body
            done = True
    return done


def _differs(one: types.CodeType, other: types.CodeType) -> bool:
    if one.co_code != other.co_code or one.co_names != other.co_names or len(one.co_consts) != len(other.co_consts):
        return True
    for mine, theirs in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(mine, types.CodeType):
            if not isinstance(theirs, types.CodeType) or _differs(mine, theirs):
                return True
        elif (type(mine), mine) != (type(theirs), theirs):
            return True
    return False


def _codes(code: types.CodeType) -> dict[tuple[str, int], types.CodeType]:
    """Code of functions and methods, not of what is nested in them."""
    found: dict[tuple[str, int], types.CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if (
                "__module__" in inner.co_names
                and inner.co_name == inner.co_qualname
                and "__qualname__" in inner.co_names
            ):
                found |= {
                    (each.co_qualname, each.co_firstlineno): each
                    for each in inner.co_consts
                    if isinstance(each, types.CodeType)
                }
            else:
                found[inner.co_qualname, inner.co_firstlineno] = inner
    return found


def _execute_anew(module: types.ModuleType, plain: ast.Module, line: int, code: types.CodeType) -> None:
    """Run the changed module aside and carry over what the changed statement makes: a constant, a table, defaults."""
    aside: dict[str, Any] = {
        "__name__": module.__name__,
        "__file__": module.__file__,
        "__package__": module.__package__,
    }
    exec(code, aside)
    statement = next(each for each in plain.body if each.lineno <= line <= (each.end_lineno or line))
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            _carry_defaults(vars(module)[name], aside[name])
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            _spread(name, vars(module)[name], aside[name])


def _carry_defaults(old: Any, new: Any) -> None:
    if isinstance(old, types.FunctionType):
        _defaults(old, new)
        return
    for name, value in vars(old).items():
        if isinstance(value, types.FunctionType) and isinstance(vars(new).get(name), types.FunctionType):
            _defaults(value, vars(new)[name])


def _defaults(old: types.FunctionType, new: types.FunctionType) -> None:
    if old.__defaults__ and new.__defaults__ and len(old.__defaults__) == len(new.__defaults__):
        pairs = zip(old.__defaults__, new.__defaults__, strict=True)
        old.__defaults__ = tuple(mine if repr(mine) == repr(theirs) else theirs for mine, theirs in pairs)
    if old.__kwdefaults__ and new.__kwdefaults__:
        old.__kwdefaults__ = {
            name: old.__kwdefaults__[name] if repr(old.__kwdefaults__[name]) == repr(value) else value
            for name, value in new.__kwdefaults__.items()
        }


def _spread(name: str, old: object, new: object) -> None:
    """Set the new value under its name wherever the old one was imported to."""
    for where, module in list(sys.modules.items()):
        mine = where.partition(".")[0] in {"compliance", "dialer"}
        if mine and isinstance(module, types.ModuleType) and vars(module).get(name) is old:
            setattr(module, name, new)
