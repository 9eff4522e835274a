"""Reading a function as the user gave it: at the lengths of examples where need be, and with the arrays that it uses as arguments."""

from __future__ import annotations

from collections.abc import Sequence

from derive.errors import DeriveError
from derive.index import array_names
from derive.trace.captured import arrays_of
from derive.trace.read import Program, read
from derive.trace.trees import Form, with_own_arrays

__all__ = ["read_form", "read_whole"]


def read_form(form: Form) -> tuple[Form, Program]:
    """The function of a form as it was read; at the lengths of the examples where it cannot be read at symbolic ones.

    Raises:
        DeriveError: it cannot be read.
    """
    try:
        return form, read(form.function, form.shapes)
    except DeriveError:
        if form.numbers is None:
            raise
    return read_form(form.numbers)


def read_whole(form: Form) -> tuple[Form, Program]:
    """The same, with the arrays that the function uses without taking them as further arguments where one is more than a short list of numbers.

    Raises:
        DeriveError: it cannot be read.
    """
    found = _with_own_arrays(form, None)
    if found is None:
        try:
            return read_form(form)
        except DeriveError:
            found = _with_own_arrays(form, list(arrays_of(form.whole)))
            if found is None:
                raise
    used = set().union(*(array_names(d.body) for d in found[1].definitions))
    kept = [name for name in found[0].own if name in used]
    if len(kept) < len(found[0].own):
        found = _with_own_arrays(form, kept)
    return found or read_form(form)


def _with_own_arrays(form: Form, names: Sequence[str] | None) -> tuple[Form, Program] | None:
    for other in with_own_arrays(form, names):
        try:
            return other, read(other.function, other.shapes)
        except DeriveError:  # the shapes may be written in another way
            continue
    return None
