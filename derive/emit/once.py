"""Statements of a program, and computing what occurs twice once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from derive.emit import arrays
from derive.emit.arrays import Value
from derive.emit.printer import Printer

__all__ = ["Statement", "loaded_names", "once"]


@dataclass(frozen=True)
class Statement:
    """One line.

    Attributes:
        name: the array that is assigned or changed.
        how: '=' assigns; '+=', '-=' (and '=' with `where`) change the entries `where`; '*=', '/=' change the whole array.
        value: the right-hand side.
        where: the entries that are changed, a `take`.
        comment: a line above it; may be empty.
        hint: the name to show where it differs from `name`.
    """

    name: str
    how: str
    value: Value
    where: Value | None = None
    comment: str = ""
    hint: str = ""


class _SameName(dict[str, str]):
    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return name


class _Keys:
    """The text of a value in the story's own names: equal texts are equal arrays, whatever the letters of their axes are."""

    def __init__(self) -> None:
        self.printer = Printer("numpy", _SameName(), strict=False)
        self.printer.names = _SameName()
        self.memo: dict[Value, str] = {}

    def __call__(self, value: Value) -> str:
        if value not in self.memo:
            self.memo[value] = f"{len(value.axes)} {self.printer.text(value)}"
        return self.memo[value]


def once(statements: Sequence[Statement]) -> list[Statement]:
    """Compute what occurs twice once: under the name that already has it, or under a new one."""
    keys = _Keys()
    statements = _with_windows_named(statements, keys)
    changing = {statement.name for statement in statements if statement.how != "=" or statement.where is not None}
    known: dict[str, str] = {}
    result = []
    for statement in statements:
        statement = replace(statement, value=_replaced(statement.value, known, keys))
        result.append(statement)
        if statement.how == "=" and statement.name not in changing and _worth(statement.value):
            known.setdefault(keys(statement.value), statement.name)
    return _hoisted(result, keys)


def _with_windows_named(statements: Sequence[Statement], keys: _Keys) -> list[Statement]:
    """A window over an array gets a line of its own."""
    out: list[Statement] = []
    names: dict[str, str] = {}
    taken = {statement.name for statement in statements}
    for statement in statements:
        found: dict[Value, Value] = {}
        for part in arrays.subvalues(statement.value):
            inner = part.args[0] if part.op == "slice" and part.args[0].op == "windows" else part
            if inner.op == "windows" and part is not statement.value and not any(part in one.args for one in found):
                if keys(part) not in names:
                    names[keys(part)] = name = _window_name(inner, taken)
                    out.append(Statement(name, "=", part))
                found[part] = arrays.load(names[keys(part)], part.axes, part.kind)
        out.append(replace(statement, value=_swapped(statement.value, found)) if found else statement)
    return out


def _window_name(value: Value, taken: set[str]) -> str:
    source = next(str(one.data[0]) for one in arrays.subvalues(value) if one.op == "load")
    name = f"{source.rstrip('′').removesuffix('_padded').removesuffix('_spread')}_windows"
    while name in taken:
        name += "′"
    taken.add(name)
    return name


def _swapped(value: Value, found: Mapping[Value, Value]) -> Value:
    return found[value] if value in found else arrays.rebuild_value(value, lambda part: _swapped(part, found))


def _replaced(value: Value, known: dict[str, str], keys: _Keys) -> Value:
    name = known.get(keys(value))
    if name is not None:
        return arrays.load(name, value.axes, value.kind)
    return arrays.rebuild_value(value, lambda part: _replaced(part, known, keys))


def loaded_names(statement: Statement) -> set[str]:
    """The names of the arrays that a statement reads."""
    values = [statement.value] + ([statement.where] if statement.where is not None else [])
    return {str(part.data[0]) for value in values for part in arrays.subvalues(value) if part.op == "load"}


def _hoisted(statements: list[Statement], keys: _Keys) -> list[Statement]:
    while True:
        found = [part for statement in statements for part in arrays.subvalues(statement.value) if _worth(part)]
        counts = Counter(map(keys, found))
        repeated = [part for part in found if counts[keys(part)] > 1]
        if not repeated:
            return statements
        statements = _hoist(statements, max(repeated, key=lambda part: len(keys(part))), keys)


def _worth(value: Value) -> bool:
    """Whether a value costs enough to be kept: anything beyond plain arithmetic and views."""
    if value.op == "reshape":
        return True
    if not value.axes or value.op in ("view", "copy", "full", "cast", "arange", "eye", "load"):
        return False
    costly = ("call", "matmul", "linalg", "reduce", "einsum", "take", "where", "compare")
    return any(part.op in costly or _root(part) for part in arrays.subvalues(value))


def _root(value: Value) -> bool:
    return value.op == "power" and str(value.data[0]) == "1/2"


def _hoist(statements: list[Statement], value: Value, keys: _Keys) -> list[Statement]:
    key = keys(value)
    places = [place for place, one in enumerate(statements) if any(keys(part) == key for part in arrays.subvalues(one.value))]
    owner = statements[places[0]]
    alone = len(places) == 1 and len(owner.value.axes) == len(value.axes) and owner.how == "=" and _same_shape(owner.value, value)
    hint = owner.hint or owner.name if alone else _suggestion(value)
    name, taken = hint, {one.name for one in statements} | set().union(*map(loaded_names, statements))
    while name in taken:
        name += "′"
    changed = [replace(one, value=_replaced(one.value, {key: name}, keys)) for one in statements]
    comment = owner.comment if alone else ""
    changed[places[0]] = replace(changed[places[0]], comment="" if alone else owner.comment)
    return [*changed[: places[0]], Statement(name, "=", value, hint=hint, comment=comment), *changed[places[0]:]]


def _same_shape(mine: Value, yours: Value) -> bool:
    sizes = [[None if axis is None else axis.size for axis in value.axes] for value in (mine, yours)]
    return sizes[0] == sizes[1]


def _suggestion(value: Value) -> str:
    """A name that says what it is: exp_z, z_max, mask."""
    inner = next((str(part.data[0]) for part in arrays.subvalues(value) if part.op == "load"), "")
    stem = inner.rstrip("′")
    if value.op == "call":
        return f"{value.data[0]}_{stem}"
    if value.op == "reduce":
        return f"{stem}_{value.data[0]}"
    if value.op == "reshape":
        return f"{stem}_{'split' if len(value.axes) > len(value.args[0].axes) else 'flat'}"
    return {"compare": "mask", "take": f"{stem}_picked", "matmul": "product", "power": "root"}.get(value.op, "t")
