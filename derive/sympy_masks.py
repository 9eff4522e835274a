"""Indicators and choices as SymPy functions that stay where they are until their relation is decided."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.relational import Relational

__all__ = ["Choice", "Indicator"]


class _Masked(sympy.Function):
    """What depends on a relation, as a function that SymPy leaves alone until the relation is decided.

    A Piecewise would not do: SymPy moves it out of a Sum, whose bound index the condition may contain.  `rewrite(Piecewise)` gives one.
    """

    @staticmethod
    def _told(*args: Any) -> tuple[Any, Any, Any]:
        """The relation, the value where it holds, and the value where it does not."""
        raise NotImplementedError

    def _eval_rewrite_as_Piecewise(self, *args: Any, **hints: Any) -> Any:
        relation, yes, no = self._told(*args)
        return sympy.Piecewise((yes, relation), (no, True))

    def _eval_evalf(self, prec: int) -> Any:
        relation = self.args[0].doit()
        if isinstance(relation, Relational):
            relation = relation.func(*(side.evalf() for side in relation.args))
        known = self.func(relation, *self.args[1:])
        return None if isinstance(known, type(self)) else known._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        relation, yes, no = map(printer.doprint, self._told(*self.args))
        shown = rf"\begin{{cases}} {yes} & \text{{for}}\: {relation} \\ {no} & \text{{otherwise}} \end{{cases}}"
        return shown if exp is None else rf"\left({shown}\right)^{{{exp}}}"

    def _numpycode(self, printer: Any) -> str:
        return str(printer._print(self.rewrite(sympy.Piecewise)))

    _lambdacode = _mpmathcode = _pythoncode = _numpycode  # what lambdify asks for


class Indicator(_Masked):
    """1 where a relation holds, else 0: a number as soon as the relation is decided."""

    nargs = 1
    is_integer = is_nonnegative = True

    @classmethod
    def eval(cls, relation: Any) -> Any:
        """A number where the relation is decided, else None."""
        return {sympy.true: sympy.S.One, sympy.false: sympy.S.Zero}.get(relation)

    @staticmethod
    def _told(*args: Any) -> tuple[Any, Any, Any]:
        return args[0], sympy.S.One, sympy.S.Zero

    def _eval_derivative(self, symbol: Any) -> Any:
        return sympy.S.Zero

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        shown = rf"1\left\{{{printer.doprint(self.args[0])}\right\}}"
        return shown if exp is None else f"{shown}^{{{exp}}}"


class Choice(_Masked):
    """Choice(relation, yes, no): one of two values as soon as the relation is decided."""

    nargs = 3

    @classmethod
    def eval(cls, relation: Any, yes: Any, no: Any) -> Any:
        """The value where the relation is decided or both are the same, else None."""
        return yes if yes == no else {sympy.true: yes, sympy.false: no}.get(relation)

    @staticmethod
    def _told(*args: Any) -> tuple[Any, Any, Any]:
        return args[0], args[1], args[2]

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(value.is_extended_real for value in self.args[1:]) else None

    def _eval_derivative(self, symbol: Any) -> Any:
        relation, yes, no = self.args
        return Choice(relation, yes.diff(symbol), no.diff(symbol))
