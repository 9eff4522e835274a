"""From array values to Python text, with as few parentheses as the reader needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from derive.emit import arithmetic, arrays
from derive.emit.arrays import Axes, Value
from derive.emit.moves import MOVES, size_text
from derive.emit.spelling import CONSTANTS, function_spelling
from derive.errors import NotYet
from derive.index import Index, Size

__all__ = ["Printer", "number_text"]

_COMPARE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(6)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPARE = "ijklpqrstuv"  # the letters that people take first


def number_text(value: Fraction) -> str:
    """A number as Python text: 3, 0.1, 1 / 3."""
    if value.denominator == 1:
        large = abs(value) > 2 ** 63  # JAX takes no integers beyond 64 bits
        return repr(float(value)) if large else str(value.numerator)
    decimal = repr(float(value)).replace("e-0", "e-")
    return decimal if Fraction(decimal) == value else f"{value.numerator} / {value.denominator}"


class Printer:
    """Prints values for one library ('numpy' or 'jax'); collects the sizes that it met in `sizes`.

    `names` holds the Python name of each array at the moment of printing.  Where not `strict`, a function without a spelling is printed by
    its own name (to compare values, not to run them).
    """

    def __init__(self, library: str, size_names: Mapping[str, str], strict: bool = True) -> None:
        self.library = library
        self.strict = strict
        self.np = "np" if library == "numpy" else "jnp"
        self.size_names = size_names
        self.sizes: set[str] = set()
        self.names: dict[str, str] = {}

    def text(self, value: Value) -> str:
        """The value as it stands alone on the right of an assignment."""
        return self._print(value)[0]

    def _print(self, value: Value) -> tuple[str, int]:
        return _PRINTERS[value.op](self, value)

    def wrap(self, value: Value, level: int) -> str:
        """The value, in parentheses where it binds more loosely than `level`."""
        text, own = self._print(value)
        return text if own >= level else f"({text})"

    # -- leaves

    def load(self, value: Value) -> tuple[str, int]:
        """A name."""
        return self.names[str(value.data[0])], _ATOM

    def number(self, value: Value) -> tuple[str, int]:
        """A number."""
        data: Any = value.data[0]
        text = number_text(data)
        return text, _PRODUCT if " / " in text else _UNARY if data < 0 else _ATOM

    def const(self, value: Value) -> tuple[str, int]:
        """A constant."""
        name = str(value.data[0])
        if name not in CONSTANTS:
            raise NotYet(f"the constant {name} has no spelling yet", hint="a row in derive/emit/spelling.py would give it one")
        text = CONSTANTS[name].format(np=self.np)
        return text, _UNARY if text.startswith("-") else _ATOM

    def size(self, value: Value) -> tuple[str, int]:
        """A size's variable, or a formula in those."""
        expr: Any = value.data[0]
        return size_text(self, expr)

    # -- elementwise

    def plus(self, value: Value) -> tuple[str, int]:
        """A sum: a + b - c."""
        text = ""
        for sign, term in zip(value.data, value.args):
            if text:
                text += f" {'+' if sign == 1 else '-'} {self.wrap(term, _PRODUCT)}"
            else:
                mask = any(part.kind == "bool" for part in arrays.subvalues(term))  # NumPy has no minus for masks
                text = self.wrap(term, _PRODUCT) if sign == 1 else f"-{self.wrap(term, _UNARY if mask else _PRODUCT)}"
        return text, _SUM

    def times(self, value: Value) -> tuple[str, int]:
        """2 * a * b / (c * d)."""
        data: Any = value.data
        coefficient, count = data
        tops = sorted(value.args[:count], key=lambda top: bool(top.axes))
        if coefficient == -1 and tops and tops[0].kind == "bool":  # NumPy has no minus for masks
            tops.sort(key=lambda top: top.kind == "bool")
        bottoms = [self.wrap(bottom, _UNARY) for bottom in value.args[count:]]
        head, below = _coefficient(abs(coefficient))
        bottoms = below + bottoms
        parts = [head] if head and (head != "1" or not tops) else []
        for place, top in enumerate(tops):
            mask = coefficient < 0 and top.op == "matmul" and top.args[0].kind == "bool"  # NumPy has no minus for masks
            later = bool(parts) or place > 0 or mask or (count > 1 and top.op == "matmul")
            parts.append(self.wrap(top, _UNARY if later else _PRODUCT))
        text = ("-" if coefficient < 0 else "") + " * ".join(parts)
        if len(bottoms) > 1:
            text += f" / ({' * '.join(bottoms)})"
        elif bottoms:
            text += f" / {bottoms[0]}"
        return text, _UNARY if coefficient == -1 and len(tops) == 1 and not bottoms and len(parts) == 1 else _PRODUCT

    def power(self, value: Value) -> tuple[str, int]:
        """sqrt, or **."""
        exponent: Any = value.data[0]
        if exponent == Fraction(1, 2):
            return f"{self.np}.sqrt({self.text(value.args[0])})", _ATOM
        text = number_text(exponent)
        return f"{self.wrap(value.args[0], _ATOM)} ** {f'({text})' if ' ' in text else text}", _POWER

    def linalg(self, value: Value) -> tuple[str, int]:
        """A function of a whole matrix."""
        inside = self.text(value.args[0])
        return f"{self.np}.linalg.inv({inside})" if value.data[0] == "inverse" else f"{self.np}.linalg.slogdet({inside})[1]", _ATOM

    def call(self, value: Value) -> tuple[str, int]:
        """A function of the table."""
        first = value.args[0]
        if not self.strict:
            return f"{value.data[0]}({', '.join(map(self.text, value.args))})", _ATOM
        template = function_spelling(str(value.data[0]), self.library)
        template = template.replace("{-u}", self.text(arithmetic.times(Fraction(-1), [first], []))) if "{-u}" in template else template
        second = self.text(value.args[1]) if len(value.args) > 1 else ""
        return template.replace("{v}", second).replace("{u}", self.text(first)), _PRODUCT if " / " in template else _ATOM

    def compare(self, value: Value) -> tuple[str, int]:
        """A mask."""
        left, right = value.args
        return f"{self.wrap(left, _SUM)} {value.data[0]} {self.wrap(right, _SUM)}", _COMPARE

    def where(self, value: Value) -> tuple[str, int]:
        """np.where."""
        return f"{self.np}.where({', '.join(map(self.text, value.args))})", _ATOM

    def cast(self, value: Value) -> tuple[str, int]:
        """As floating-point numbers; a scalar may be Python's own, without methods."""
        if not value.axes:
            return f"1.0 * {self.wrap(value.args[0], _UNARY)}", _PRODUCT
        return f"{self.wrap(value.args[0], _ATOM)}.astype(float)", _ATOM

    # -- whole arrays

    def arange(self, value: Value) -> tuple[str, int]:
        """0 … n − 1."""
        return f"{self.np}.arange({self.text(value.args[0])})", _ATOM

    def eye(self, value: Value) -> tuple[str, int]:
        """The identity matrix."""
        return f"{self.np}.eye({self.text(value.args[0])})", _ATOM

    def matmul(self, value: Value) -> tuple[str, int]:
        """A matrix product: left @ right."""
        left, right = value.args
        return f"{self.wrap(left, _UNARY if left.op == 'times' else _PRODUCT)} @ {self.wrap(right, _UNARY)}", _PRODUCT

    def reduce(self, value: Value) -> tuple[str, int]:
        """.sum(axis=1, keepdims=True)."""
        data: Any = value.data
        kind, positions, keep = data
        (inner,) = value.args
        options = [] if len(positions) == len(inner.axes) and not keep else [f"axis={positions[0] if len(positions) == 1 else positions}"]
        if keep:
            options = [*(options if len(positions) < len(inner.axes) else []), "keepdims=True"]
        return f"{self.wrap(inner, _ATOM)}.{kind}({', '.join(options)})", _ATOM

    def einsum(self, value: Value) -> tuple[str, int]:
        """np.einsum; a letter is that of the axis's size, or else of its index, where these are single and not taken."""
        met = list(dict.fromkeys(axis for arg in value.args for axis in arrays.labels(arg)))
        letter = _letters(met)
        operands = [arrays.squeezed(arg) for arg in value.args]
        spelled = ",".join("".join(letter[axis] for axis in arrays.labels(arg)) for arg in operands)
        result = "".join(letter[axis] for axis in arrays.labels(value))
        return f'{self.np}.einsum("{spelled}->{result}", {", ".join(map(self.text, operands))})', _ATOM

    def take(self, value: Value) -> tuple[str, int]:
        """p[np.arange(m), y]."""
        picks = iter(value.args[1:])
        parts = [self.text(next(picks)) if slot else ":" for slot in value.data]
        while parts[-1] == ":":
            parts.pop()
        return f"{self.wrap(value.args[0], _ATOM)}[{', '.join(parts)}]", _ATOM

    def view(self, value: Value) -> tuple[str, int]:
        """Transposed, and with axes of size 1 inserted or dropped."""
        (inner,) = value.args
        text = self.wrap(inner, _ATOM)
        have, want = arrays.labels(inner), arrays.labels(value)
        source: Axes = inner.axes
        if have != want:
            if len(have) < len(source):
                text += _subscript(source, tuple(have))
            text += ".T" if have == want[::-1] else f".transpose({', '.join(str(have.index(axis)) for axis in want)})"
            source = tuple(want)
        return text + _subscript(source, value.axes), _ATOM

    def full(self, value: Value) -> tuple[str, int]:
        """The same value everywhere along some axes."""
        (inner,) = value.args
        lengths = ["1" if axis is None else self._length(axis) for axis in value.axes]
        shape = f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
        if inner.op == "number" and inner.data[0] in (0, 1):
            return f"{self.np}.{'ones' if inner.data[0] == 1 else 'zeros'}({shape})", _ATOM
        kind = "" if inner.kind == "float" else ", dtype=float"
        return f"{self.np}.full({shape}, {self.text(inner)}{kind})", _ATOM

    def _length(self, axis: Index) -> str:
        return self.text(arrays.size(axis.size))

    def copy(self, value: Value) -> tuple[str, int]:
        """An array of its own; JAX's never change, so they need no copy."""
        (inner,) = value.args
        return (f"{self.wrap(inner, _ATOM)}.copy()", _ATOM) if self.library == "numpy" else self._print(inner)


def _coefficient(value: Fraction) -> tuple[str, list[str]]:
    """A factor in front, and numbers to divide by: 0.1 · u, but u / 3 and u / 2."""
    if value.denominator in (1, 2, 4, 8) or "/" in number_text(value):
        return str(value.numerator), [str(value.denominator)] if value.denominator != 1 else []
    return number_text(value), []


def _letters(met: Sequence[Index]) -> dict[Index, str]:
    """A letter for each axis."""
    out: dict[Index, str] = {}
    for wish in (lambda index: index.size.name if isinstance(index.size, Size) else "", lambda index: index.name):
        for index in met:
            text = wish(index)
            if index not in out and len(text) == 1 and text in _LETTERS and text not in out.values():
                out[index] = text
    rest = (text for text in _SPARE + _LETTERS if text not in out.values())
    return {index: out.get(index) or next(rest) for index in met}


def _subscript(source: Axes, target: Axes) -> str:
    """[:, None] and the like: `target` has the same labels in the same order."""
    parts: list[str] = []
    rest = list(source)
    for axis in target:
        if axis is None:
            if rest and rest[0] is None:
                rest.pop(0)
                parts.append(":")
            else:
                parts.append("None")
            continue
        while rest and rest[0] is None:
            rest.pop(0)
            parts.append("0")
        rest.pop(0)
        parts.append(":")
    parts += ["0"] * len(rest)
    while parts and parts[-1] == ":":
        parts.pop()
    return f"[{', '.join(parts)}]" if parts else ""


_PRINTERS: dict[str, Callable[[Printer, Value], tuple[str, int]]] = {
    name: getattr(Printer, name)
    for name in (
        "load", "number", "const", "size", "plus", "times", "power", "call", "compare", "where", "cast",
        "arange", "eye", "matmul", "linalg", "reduce", "einsum", "take", "view", "full", "copy",
    )
} | MOVES
