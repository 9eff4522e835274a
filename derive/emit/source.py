"""The gradient as source text that a person would write, in NumPy and in JAX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import jax as _jax
import jax.numpy as _jnp
import numpy as _np

from derive.derivation import Argument, Story
from derive.emit.moves import size_text
from derive.emit.once import Statement, loaded_names
from derive.emit.printer import Printer
from derive.emit.program import Program, build
from derive.emit.spelling import identifier, unused
from derive.emit.unpack import parameters, taken_out
from derive.errors import NotYet
from derive.index import Add, Expr, Mul, Num, Size, size_names

__all__ = ["compile_source", "function_name", "jax", "numpy"]

_IMPORTS = {"math": "import math", "jax": "import jax", "jnp": "import jax.numpy as jnp", "np": "import numpy as np",
            "special": "from scipy import special"}
_FULL_NAMES = {"math": "math", "jax": "jax", "jnp": "jax.numpy", "np": "numpy", "special": "scipy.special"}
_OTHER_NAMES = {"math": "math_module", "jax": "jax_module", "jnp": "jax_numpy", "np": "numpy_", "special": "scipy_special"}


def numpy(story: Story, name: str | None = None) -> str:
    """NumPy source of the derivative: imports and one function, without loops over the data.

    The function takes the user's arguments in order, then `dout` (shaped like the output) for a vjp.  It returns an array of the argument's
    shape, and changes no argument.

    Raises:
        NotYet: an expression has no array form yet.
    """
    return _source(story, name, "numpy")


def jax(story: Story, name: str | None = None) -> str:
    """The same for JAX: jnp, and functional updates."""
    return _source(story, name, "jax")


def compile_source(source: str, name: str) -> Callable[..., Any]:
    """The function of that name which the source defines."""
    namespace: dict[str, Any] = {"np": _np, "jnp": _jnp, "jax": _jax, "math": math}
    exec(compile(source, f"<derived {name}>", "exec"), namespace)  # the text is our own
    function: Callable[..., Any] = namespace[name]
    return function


def function_name(story: Story) -> str:
    """The name that the emitted function has unless another is asked for: grad_W, jacobian_z or hessian_w."""
    lead = story.kind if story.kind in ("jacobian", "hessian") else "grad"
    return f"{lead}_{identifier('_'.join(story.wrt_all), argument=True)}"


def _source(story: Story, name: str | None, library: str) -> str:
    program = build(story)
    arguments = _argument_names(story)
    bases = set(arguments.values()) | {identifier(statement.hint or statement.name) for statement in program.statements}
    size_names = _size_names(story, bases)
    printer = Printer(library, size_names)
    body, result = _body(program, printer, arguments, set(size_names.values()))
    where = _sizes(story, arguments)
    lines = [f"{size_names[one]} = {where[one]}" for one in where if one in printer.sizes] + body + [f"return {result}"]
    lines = taken_out(story.source, arguments, lines) + lines
    head = [f"def {name or function_name(story)}({', '.join(parameters(story.source, arguments))}):", *_docstring(story, arguments)]
    text = "\n".join([*head, *(f"    {line}" for line in lines)]) + "\n"
    imports = [line for module, line in _IMPORTS.items() if re.search(rf"(?<![\w.]){module}\.", "\n".join(lines))]
    for name_ in sorted(set(_OTHER_NAMES) & set(arguments)):
        text, imports = _module_renamed(text, imports, name_, arguments[name_])
    return "\n".join(imports) + "\n\n\n" + text if imports else text


def _module_renamed(text: str, imports: list[str], module: str, argument: str) -> tuple[str, list[str]]:
    """The source with an argument under the module's usual name, as the user called it, and the module under another."""
    other = _OTHER_NAMES[module]
    text = re.sub(rf"(?<![\w.]){module}\.(?=\w)", f"{other}.", text)
    renamed = [f"import {_FULL_NAMES[module]} as {other}" if line == _IMPORTS[module] else line for line in imports]
    return re.sub(rf"\b{argument}\b", module, text), renamed


# ------------------------------------------------------------------------------------------- names


def _argument_names(story: Story) -> dict[str, str]:
    wanted = [argument.name for argument in story.source.arguments] + (["dout"] if story.kind == "vjp" else [])
    names: dict[str, str] = {}
    for name in wanted:
        names[name] = unused(identifier(name, argument=True), set(names.values()))
    return names


def _sizes(story: Story, arguments: dict[str, str]) -> dict[str, str]:
    """Where each size is read off: the first axis that has it alone."""
    everything = [*story.source.arguments]
    if story.kind == "vjp":
        everything.append(Argument("dout", story.definitions[-1].shape))
    axes = [(size, f"{arguments[argument.name]}.shape[{axis}]") for argument in everything for axis, size in enumerate(argument.shape)]
    found: dict[str, str] = {}
    for size, text in axes:
        if isinstance(size, Size):
            found.setdefault(size.name, text)
    for size, text in axes:
        for name, part in _part_of(size, text):
            found.setdefault(name, part)
    return found


def _part_of(size: Expr, text: str) -> list[tuple[str, str]]:
    """The size h of an axis of 2 h, or of h + 1."""
    parts: tuple[Expr, ...] = size.args[0] if isinstance(size, (Add, Mul)) else ()
    names = [part.name for part in parts if isinstance(part, Size)]
    numbers = [part.value for part in parts if isinstance(part, Num)]
    if len(parts) != 2 or len(names) != 1 or len(numbers) != 1:
        return []
    number = numbers[0]
    return [(names[0], f"{text} // {number}" if isinstance(size, Mul) else f"{text} {'-' if number > 0 else '+'} {abs(number)}")]


def _size_names(story: Story, arrays_taken: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for size in _sizes(story, _argument_names(story)):
        plain = identifier(size)
        wanted = plain if plain not in arrays_taken else f"n_{plain}"
        names[size] = unused(wanted, arrays_taken | set(names.values()))
    return names


def _body(program: Program, printer: Printer, arguments: dict[str, str], reserved: set[str]) -> tuple[list[str], str]:
    """The lines; each array gets its own name as soon as no other array that is still needed has it."""
    last = dict.fromkeys(arguments, -1)
    for place, statement in enumerate(program.statements):
        last.update(dict.fromkeys(loaded_names(statement) | {statement.name}, place))
    last[program.result] = len(program.statements)
    names = printer.names
    names.update(arguments)
    lines: list[str] = []
    for place, statement in enumerate(program.statements):
        target = names.get(statement.name)
        if target is None:
            taken = {text for name, text in names.items() if last[name] > place} | reserved
            target = unused(identifier(statement.hint or statement.name), taken)
        lines += _lines(statement, target, printer)
        names[statement.name] = target
    return lines, names[program.result]


def _lines(statement: Statement, target: str, printer: Printer) -> list[str]:
    if statement.where is not None:
        return [_change(statement, target, printer)]
    text = printer.text(statement.value)
    comment = [f"# {statement.comment}"] if statement.comment else []
    if statement.how == "=":
        return comment + ([f"{target} = {text}"] if text != target else [])
    if printer.library == "numpy":
        return [f"{target} {statement.how} {text}"]
    return [f"{target} = {target} {statement.how[0]} {printer.wrap(statement.value, 3)}"]


def _change(statement: Statement, target: str, printer: Printer) -> str:
    """dz[np.arange(m), y] -= 1, or dz.at[…].add(-1)."""
    if statement.where is None:
        raise NotYet("a change in place without entries")
    printer.names[statement.name] = target
    entries = printer.text(statement.where)
    if statement.how == "add.at":
        return _added(entries[len(target):], statement, target, printer)
    if printer.library == "numpy":
        return f"{entries} {statement.how} {printer.text(statement.value)}"
    inside = entries[len(target):]
    if statement.how == "=":
        return f"{target} = {target}.at{inside}.set({printer.text(statement.value)})"
    amount = printer.text(statement.value) if statement.how == "+=" else f"-{printer.wrap(statement.value, 3)}"
    return f"{target} = {target}.at{inside}.add({amount})"


def _added(inside: str, statement: Statement, target: str, printer: Printer) -> str:
    """np.add.at(dw, x, dout), which adds at every place as often as it is met."""
    amount = printer.text(statement.value)
    if printer.library == "jax":
        return f"{target} = {target}.at{inside}.add({amount})"
    several = statement.where is not None and len(statement.where.args) > 2
    places = f"np.s_{inside}" if ":" in inside else f"({inside[1:-1]})" if several else inside[1:-1]
    return f"np.add.at({target}, {places}, {amount})"


# ------------------------------------------------------------------------------------------- the docstring


_KINDS = {"vjp": "Vector-Jacobian product"}


def _docstring(story: Story, arguments: dict[str, str]) -> list[str]:
    kind = f"{_KINDS.get(story.kind, story.kind.capitalize())} of"
    like = f", shaped like {story.wrt}" if story.kind in ("gradient", "vjp") else ""
    reach = {leaf: text for packed in story.source.packed for leaf, text in packed.reach.items()}
    shapes = [_shape_text(reach.get(argument.name, arguments[argument.name]), argument) for argument in story.source.arguments]
    if story.kind == "vjp":
        shapes.append(_shape_text(arguments["dout"], Argument("dout", story.definitions[-1].shape)) + ", the incoming gradient")
    return [
        f'    """{kind} {story.source.name} with respect to {story.wrt_words}{like}.',
        "",
        *(f"    {line}" for line in shapes),
        '    """',
    ]


def _shape_text(name: str, argument: Argument) -> str:
    kind = {"int": "integers", "bool": "booleans"}.get(argument.kind, "")
    sizes = ", ".join(_size_text(size) for size in argument.shape)
    shape = "scalar" if not argument.shape else f"({sizes},)" if len(argument.shape) == 1 else f"({sizes})"
    return f"{name}: {shape}" + (f", {kind}" if kind else "")


def _size_text(size: Any) -> str:
    return size_text(Printer("numpy", {name: name for name in size_names(size)}), size)[0]
