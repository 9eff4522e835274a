"""Sums over a window: guards that keep an index inside an array become zeros around it, and strides gaps between its entries.

Legend: w[s] with s = ± c p + rest is guarded by [0 ≤ s < A], where p is summed over and A is the width of the window.  Then the sum may run
over the place a in the window instead, and p = ± (a − rest) / c is read off an array with c − 1 zeros between its entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from derive.derivation import Definition
from derive.emit.bands import placed
from derive.emit.places import Linear, Places, minus, whole
from derive.emit.stable import Row, unused_name
from derive.emit.terms import Spread, factors_of
from derive.index import ONE, ZERO, At, Expr, Index, Iverson, Mul, Num, Sum, add, array_names, fresh, mul, num, rebuild, substitute, walk

__all__ = ["Shapes", "windowed"]

Shapes = Mapping[str, tuple[Expr, ...]]
Widths = tuple[tuple[Expr, int, Expr], ...]  # for each axis: zeros before, one more than the zeros between entries, zeros behind


class Windows:
    """Changes the rows of one program."""

    def __init__(self, rows: Sequence[Row], shapes: Shapes, places: Places) -> None:
        self.rows, self.places = list(rows), places
        self.shapes = {**shapes, **{row.definition.name: tuple(i.size for i in row.definition.indices) for row in rows}}
        self.spread: dict[tuple[str, Widths], Definition] = {}

    def run(self) -> list[Row]:
        """The rows, with the arrays that had to be spread before the first use of each."""
        out: list[Row] = []
        for row in self.rows:
            known = set(self.spread)
            body = placed(self.turned(self.padded(self.over_the_window(row.definition.body))), row.definition.indices, self.places)
            for key in [key for key in self.spread if key not in known]:
                out.append(Row(self.spread[key]))
            out.append(row if body is row.definition.body else replace(row, definition=replace(row.definition, body=body)))
        out = self._alike(out)
        named = {name for name, _ in self.spread}
        return [replace(row, definition=replace(row.definition, role="auto-named"))
                if row.definition.name in named and row.definition.role == "auto" else row for row in out]

    # -- which index a window is summed over

    def over_the_window(self, node: Expr) -> Expr:
        """Every sum with a window that is smaller than what it is summed over, summed over the window."""
        node = rebuild(node, self.over_the_window)
        if isinstance(node, Sum):
            for index in node.bound:
                found = self._in_the_window(node, index)
                if found is not None:
                    return self.over_the_window(found)
        return node

    def _in_the_window(self, node: Sum, p: Index) -> Expr | None:
        factors = factors_of(node.body)
        users = [factor for factor in factors if p in factor.free]
        base = next((f for f in users if isinstance(f, At) and f.indices.count(p) == 1 and sum(p in slot.free for slot in f.indices) == 1), None)
        window = next((pair for f in users if isinstance(f, At) and f is not base for pair in self._guarded(f, p, factors)), None)
        if base is None or window is None or ONE in self.shapes.get(base.name, (ONE,)):
            return None
        slot, size, guards = window
        linear = self.places.linear(slot)
        step = 0 if linear is None else abs(linear.number_of(p))
        if linear is None or not step or not self._narrower(size, p, step):
            return None
        others = [f for f in users if f is not base and f not in guards]
        if not all(self._in_multiples(f, p, step) for f in others):
            return None
        a = fresh(Index("a", size, 0))
        sign = 1 if linear.number_of(p) > 0 else -1
        place = self.places.tidy(mul(num(sign), minus(a, minus(slot, mul(num(sign * step), p)))))  # what stands for step · p
        axis = base.indices.index(p)
        spread = self._spread(base.name, tuple((ZERO, step if k == axis else 1, ZERO) for k in range(len(base.indices))))
        wide = self.shapes[spread][axis]
        q = fresh(p)
        rest = [self._with(f, p, q, step) for f in factors if f is not base and f not in guards]
        inside = [Iverson(">=", place), Iverson(">", minus(wide, place))]
        entry = At(spread, (*base.indices[:axis], place, *base.indices[axis + 1:]), base.kind)
        moved = mul(entry, *inside, *(substitute(f, {q: place}) for f in rest))
        return Sum(tuple(a if b is p else b for b in node.bound), self.places.settled(moved))

    def _guarded(self, entry: At, p: Index, factors: Sequence[Expr]) -> list[tuple[Expr, Expr, list[Expr]]]:
        """(slot, size, guards) for the slot of an entry that p is in, where guards keep it inside on both sides."""
        sizes = self.shapes.get(entry.name, ())
        found = []
        for slot, size in zip(entry.indices, sizes):
            if p in slot.free and slot is not p and whole(slot):
                low, high = self._guards(slot, size, factors)
                if low is not None and high is not None:
                    found.append((slot, size, [*low, *high]))
        return found

    def _guards(self, slot: Expr, size: Expr, factors: Sequence[Expr]) -> tuple[list[Expr] | None, list[Expr] | None]:
        """The guards of a slot below and above: none needed, or the indicator; None where it is missing."""
        low, high = self.places.inside(slot, size)
        below = [] if low else self._indicator(slot, factors)
        return below, [] if high else self._indicator(minus(minus(size, num(1)), slot), factors)

    def _indicator(self, inner: Expr, factors: Sequence[Expr]) -> list[Expr] | None:
        """The indicator of inner ≥ 0 among the factors."""
        for factor in factors:
            if isinstance(factor, Iverson) and factor.args[0] in (">", ">=") and whole(factor):
                mine = factor.args[1] if factor.args[0] == ">=" else minus(factor.args[1], num(1))
                if self.places.same(mine, inner):
                    return [factor]
        return None

    def _narrower(self, size: Expr, p: Index, step: int) -> bool:
        """Whether a window is certainly narrower than the way that p goes in it, or a number where that is none."""
        way = add(mul(num(step), minus(p.size, ONE)), ONE)
        return (isinstance(size, Num) and not isinstance(p.size, Num)) or self.places.sure(minus(way, size), 1)

    def _in_multiples(self, node: Expr, p: Index, step: int) -> bool:
        """Whether p occurs in step · p alone, in the places of arrays and in indicators."""
        if step == 1:
            return True
        if isinstance(node, At):
            return all(p not in slot.free or self._multiple(slot, p, step) for slot in node.indices)
        if isinstance(node, Iverson):
            return self._multiple(node.args[1], p, step)
        return bool(node.kids) and all(p not in kid.free or self._in_multiples(kid, p, step) for kid in node.kids)

    def _multiple(self, node: Expr, p: Index, step: int) -> bool:
        linear = self.places.linear(node)
        return linear is not None and linear.number_of(p) != 0 and linear.number_of(p) % step == 0

    def _with(self, node: Expr, p: Index, q: Index, step: int) -> Expr:
        """The node with q for step · p."""
        if p not in node.free:
            return node
        if step == 1:
            return substitute(node, {p: q})
        if isinstance(node, At):
            return At(node.name, tuple(self._scaled(slot, p, q, step) for slot in node.indices), node.kind)
        if isinstance(node, Iverson):
            return Iverson(node.args[0], self._scaled(node.args[1], p, q, step))
        return rebuild(node, lambda part: self._with(part, p, q, step))

    def _scaled(self, node: Expr, p: Index, q: Index, step: int) -> Expr:
        if p not in node.free:
            return node
        linear: Linear | None = self.places.linear(node)
        scale = 0 if linear is None else linear.number_of(p)
        return add(minus(node, mul(num(scale), p)), mul(num(scale // step), q))

    def turned(self, node: Expr) -> Expr:
        """Sums over windows forwards: where the place in every window counts down, a − 1 − i takes the place of i."""
        node = rebuild(node, self.turned)
        for index in node.bound if isinstance(node, Sum) else ():
            slots = [slot for part in walk(node) if isinstance(part, At) for slot in part.indices if index in slot.free and slot is not index]
            found = [self.places.linear(slot) for slot in slots]
            if found and all(one is not None and len(one.parts) > 1 and one.number_of(index) < 0 for one in found):
                return Sum(node.args[0], self.places.settled(substitute(node.args[1], {index: minus(minus(index.size, ONE), index)})))
        return node

    # -- zeros around an array

    def padded(self, node: Expr) -> Expr:
        """Products of guards and entries, as entries of arrays with zeros around them."""
        node = rebuild(node, self.padded)
        return self._without_guards(node) if isinstance(node, Mul) else node

    def _without_guards(self, node: Mul) -> Expr:
        factors = list(node.args[0])
        guards = [factor for factor in factors if isinstance(factor, Iverson) and whole(factor)]
        entries = [factor for factor in factors if isinstance(factor, At) and self._outside(factor)]
        inner = [part for factor in factors if not isinstance(factor, At) for part in walk(factor) if isinstance(part, At)]
        if not guards or not entries or any(self._outside(part) for part in inner):
            return node
        used: list[Expr] = []
        changed: dict[Expr, Expr] = {}
        for entry in entries:
            widths: list[tuple[Expr, int, Expr]] = []
            for slot, size in zip(entry.indices, self.shapes[entry.name]):
                if self.places.inside(slot, size) == (True, True):
                    widths.append((ZERO, 1, ZERO))
                    continue
                low, high = self._guards(slot, size, guards)
                margin = self._margins(slot, size) if low is not None and high is not None else None
                if low is None or high is None or margin is None:
                    return node
                used += [*low, *high]
                widths.append(margin)
            spread = self._spread(entry.name, tuple(widths))
            slots = tuple(slot if low is ZERO else self.places.tidy(add(slot, low)) for slot, (low, _, _) in zip(entry.indices, widths))
            changed[entry] = At(spread, slots, entry.kind)
        return mul(*(changed.get(factor, factor) for factor in factors if factor not in used))

    def _outside(self, entry: At) -> bool:
        sizes = self.shapes.get(entry.name)
        if sizes is None or len(sizes) != len(entry.indices) or ONE in sizes:
            return False
        return any(self.places.inside(slot, size) != (True, True) for slot, size in zip(entry.indices, sizes))

    def _margins(self, slot: Expr, size: Expr) -> tuple[Expr, int, Expr] | None:
        """How far a slot goes below 0 and beyond the axis; None where that is not known for all sizes."""
        linear = self.places.linear(slot)
        if linear is None or any(not isinstance(c, Num) for _, c in linear.parts):
            return None
        low = high = linear.offset
        for index, scale in linear.parts:
            reach = mul(scale, minus(index.size, ONE))
            low, high = (low, add(high, reach)) if linear.number_of(index) > 0 else (add(low, reach), high)
        before, behind = self.places.tidy(mul(num(-1), low)), self.places.tidy(add(minus(high, size), ONE))
        before, behind = (ZERO if self.places.sure(mul(num(-1), one)) else one for one in (before, behind))
        return (before, 1, behind) if self.places.sure(before) and self.places.sure(behind) else None

    def _spread(self, name: str, widths: Widths) -> str:
        """The name of an array with zeros around and between its entries."""
        if all(width == (ZERO, 1, ZERO) for width in widths):
            return name
        base, inner = self._base(name)
        if inner is not None:
            widths = tuple((add(a, c), b * d, add(e, f)) if b == 1 else (a, b, e) for (a, b, e), (c, d, f) in zip(widths, inner))
            name = base
        key = (name, widths)
        if key not in self.spread:
            taken = set(self.shapes).union(*(array_names(row.definition.body) for row in self.rows))
            kind = "spread" if any(step > 1 for _, step, _ in widths) else "padded"
            sizes = tuple(self._wider(size, *width) for size, width in zip(self.shapes[name], widths))
            indices = tuple(fresh(Index("i", size, 0)) for size in sizes)
            fixed = Definition(unused_name(f"{name.rstrip('′')}_{kind}", taken), indices, Spread(At(name, indices), widths), "auto-named", sizes)
            self.spread[key] = fixed
            self.shapes[fixed.name] = sizes
        return self.spread[key].name

    def _alike(self, rows: list[Row]) -> list[Row]:
        """Arrays with different numbers of zeros around the same entries as one array with enough on every side."""
        for name in {base for base, _ in self.spread}:
            mine = [(widths, made) for (base, widths), made in self.spread.items() if base == name]
            plain = [pair for pair in mine if all(step == 1 and isinstance(a, Num) and isinstance(b, Num) for a, step, b in pair[0])]
            if len(plain) > 1:
                most: Widths = tuple((max((w[k][0] for w, _ in plain), key=_number), 1, max((w[k][2] for w, _ in plain), key=_number))
                                     for k in range(len(plain[0][0])))
                wide = self._spread(name, most)
                moved = {made.name: tuple(minus(a, b) for (a, _, _), (b, _, _) in zip(most, widths)) for widths, made in plain if made.name != wide}
                if not any(row.definition.name == wide for row in rows):
                    first = next(k for k, row in enumerate(rows) if row.definition.name in moved)
                    rows = [*rows[:first], Row(next(made for made in self.spread.values() if made.name == wide)), *rows[first:]]
                rows = [replace(row, definition=replace(row.definition, body=self._moved(row.definition.body, wide, moved))) for row in rows]
        return rows

    def _moved(self, node: Expr, wide: str, moved: Mapping[str, tuple[Expr, ...]]) -> Expr:
        node = rebuild(node, lambda part: self._moved(part, wide, moved))
        if isinstance(node, At) and node.name in moved:
            return At(wide, tuple(self.places.tidy(add(slot, by)) for slot, by in zip(node.indices, moved[node.name])), node.kind)
        return node

    def _base(self, name: str) -> tuple[str, Widths | None]:
        return next(((base, widths) for (base, widths), made in self.spread.items() if made.name == name), (name, None))

    def _wider(self, size: Expr, before: Expr, step: int, behind: Expr) -> Expr:
        if step == 1 and before is ZERO and behind is ZERO:
            return size
        return self.places.tidy(add(mul(num(step), minus(size, ONE)), ONE, before, behind))


def _number(node: Expr) -> Fraction:
    return node.value if isinstance(node, Num) else Fraction(0)


def windowed(rows: list[Row], shapes: Shapes, places: Places) -> list[Row]:
    """The rows with windows as entries of arrays with zeros around and between their entries."""
    return Windows(rows, shapes, places).run()


