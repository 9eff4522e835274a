"""Products that sum over an index: dot, matmul, einsum, outer, tensordot.  All are einsum."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from derive.checking.lift.arrays import Operand, SymbolicArray, make, operand, shape_text
from derive.checking.lift.digits import apart
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import bad, new_index, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location
from derive.index import ONE, ZERO, Expr, Index, Sum, mul

__all__: list[str] = []

_RANK = {"bool": 0, "int": 1, "float": 2}


def _letter_sizes(inputs: Sequence[str], operands: Sequence[Operand], broadcasts: str) -> dict[str, Expr]:
    sizes: dict[str, Expr] = {}
    for letters, one in zip(inputs, operands):
        if len(letters) != len(one.sizes):
            bad(f"'{letters}' names {len(letters)} axes of an array of shape {shape_text(one.sizes)}")
        for letter, size in zip(letters, one.sizes):
            known = sizes.get(letter)
            if known is None or (known is ONE and letter in broadcasts):
                sizes[letter] = size
            elif not same(known, size) and not (size is ONE and letter in broadcasts):
                shapes = " and ".join(shape_text(other.sizes) for other in operands)
                bad(
                    f"shapes {shapes} do not fit together",
                    f"the axes {shape_text([known, size])} differ: right only when they happen to be equal",
                )
    return sizes


def _contract(inputs: Sequence[str], output: str, operands: Sequence[Operand], broadcasts: str = "") -> Any:
    """The product of the operands, summed over the letters that the output lacks.

    Args:
        broadcasts: letters whose axes of size 1 stretch.
    """
    sizes = _letter_sizes(inputs, operands, broadcasts)
    kind = max((one.kind for one in operands), key=_RANK.__getitem__)
    if kind == "bool":
        refuse("a matrix product of boolean arrays is not covered")
    summed = [letter for letter in dict.fromkeys("".join(inputs)) if letter not in output]

    def entry(at: Location) -> Expr:
        where: dict[str, Expr] = dict(zip(output, at))
        where |= {letter: ZERO if sizes[letter] is ONE else new_index(sizes[letter]) for letter in summed}
        bound = tuple(index for letter in summed if isinstance(index := where[letter], Index))
        body = mul(*(_entry(one, letters, where) for letters, one in zip(inputs, operands)))
        return Sum(*apart(bound, body)) if bound else body

    return make([sizes[letter] for letter in output], kind, entry)


def _entry(one: Operand, letters: str, where: dict[str, Expr]) -> Expr:
    return one.entry(tuple(ZERO if size is ONE else where[letter] for letter, size in zip(letters, one.sizes)))


def _finish(result: Any, out: Any) -> Any:
    return result if out is None else call("assign", out, result)


@row("dot")
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    u, v = operand(a), operand(b)
    if not u.sizes or not v.sizes:
        return _finish(call("multiply", u, v), out)
    left, right = string.ascii_lowercase[: len(u.sizes) - 1], string.ascii_uppercase[: len(v.sizes) - 1]
    second = right[:-1] + "z" + right[-1:] if len(v.sizes) > 1 else "z"
    return _finish(_contract([left + "z", second], left + right, [u, v]), out)


@row("matmul")
def _matmul(a: Any, b: Any, out: Any = None) -> Any:
    u, v = operand(a), operand(b)
    if not u.sizes or not v.sizes:
        bad("matmul (@) does not take numbers", "use * for a number")
    if len(u.sizes) <= 2 and len(v.sizes) <= 2:
        return _dot(u, v, out)
    batch = string.ascii_lowercase[: max(len(u.sizes), len(v.sizes)) - 2]
    left, right = ("X" if len(u.sizes) > 1 else ""), ("Y" if len(v.sizes) > 1 else "")
    first, second = batch[len(batch) - max(len(u.sizes) - 2, 0) :], batch[len(batch) - max(len(v.sizes) - 2, 0) :]
    return _finish(_contract([first + left + "Z", second + "Z" + right], batch + left + right, [u, v], batch), out)


def _listed(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) as a text and the arrays."""
    lists = [one for one in operands if isinstance(one, (list, tuple))]
    texts = ["".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in one) for one in lists]
    arrays = [one for one in operands if not isinstance(one, (list, tuple))]
    inputs = ",".join(texts[: len(arrays)])
    return (inputs + "->" + texts[-1] if len(texts) > len(arrays) else inputs), arrays


def _spelled(text: str, operands: Sequence[Operand]) -> tuple[list[str], str]:
    """The letters of each array and of the result: an ellipsis gets letters of its own, an output that is not given the usual order."""
    left, arrow, output = text.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        bad(f"einsum '{text}' names {len(inputs)} arrays and was given {len(operands)}")
    spare = [letter for letter in string.ascii_uppercase + string.ascii_lowercase if letter not in text]
    widths = [len(one.sizes) - len(letters.replace("...", "")) if "..." in letters else 0 for letters, one in zip(inputs, operands)]
    most = spare[: max([*widths, 0])]
    if not arrow:
        output = "..." * ("..." in left) + "".join(sorted(letter for letter in set(left) - {",", "."} if left.count(letter) == 1))
    spelled = [letters.replace("...", "".join(most[len(most) - width :])) for letters, width in zip(inputs, widths)]
    return spelled, output.replace("...", "".join(most))


@row("einsum")
def _einsum(subscripts: Any, *values: Any, out: Any = None, optimize: Any = None) -> Any:
    if not isinstance(subscripts, str):
        subscripts, given = _listed([subscripts, *values])
        values = tuple(given)
    operands = [operand(value) for value in values]
    inputs, output = _spelled(subscripts, operands)
    if len(operands) == 1 and set(inputs[0]) <= set(output) and isinstance(operands[0], SymbolicArray) and out is None:
        sizes = _letter_sizes(inputs, operands, "")
        return operands[0].view([sizes[letter] for letter in output], lambda at: tuple(at[output.index(letter)] for letter in inputs[0]))
    return _finish(_contract(inputs, output, operands, "".join(sorted(set("".join(inputs))))), out)


@row("outer", "multiply.outer")
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    u, v = call("ravel", operand(a)), call("ravel", operand(b))
    return _finish(_contract(["i", "j"], "ij", [u, v]), out)


@row("inner")
def _inner(a: Any, b: Any) -> Any:
    u, v = operand(a), operand(b)
    if not u.sizes or not v.sizes:
        return call("multiply", u, v)
    left, right = string.ascii_lowercase[: len(u.sizes) - 1], string.ascii_uppercase[: len(v.sizes) - 1]
    return _contract([left + "z", right + "z"], left + right, [u, v])


@row("vdot")
def _vdot(a: Any, b: Any) -> Any:
    u, v = operand(a), operand(b)
    if len(u.sizes) != len(v.sizes):
        refuse("vdot of arrays of different shapes is not covered")
    letters = string.ascii_lowercase[: len(u.sizes)]
    return _contract([letters, letters], "", [u, v])


@row("tensordot")
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    u, v = operand(a), operand(b)
    if isinstance(axes, int):
        axes = (list(range(len(u.sizes) - axes, len(u.sizes))), list(range(axes)))
    first, second = ([one] if isinstance(one, int) else list(one) for one in axes)
    left = list(string.ascii_lowercase[: len(u.sizes)])
    right = list(string.ascii_uppercase[: len(v.sizes)])
    for one, other in zip(first, second):
        right[other] = left[one]
    output = [letter for letter in left + right if not (letter in left and letter in right)]
    return _contract(["".join(left), "".join(right)], "".join(output), [u, v])
