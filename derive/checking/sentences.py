"""What it means that a gradient contains a part of the true one more or less than once, in a sentence.

Legend: κ is the share; the claimed gradient contains (1 + κ) times the part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from derive.index import At, Delta, Expr, Index, Poly, Size, walk
from derive.normal import P0, P1, Algebra, constant
from derive.normal.present import present
from derive.normal.ring import factors, terms

__all__ = ["Part", "Sentences"]


@dataclass(frozen=True)
class Part:
    """An additive part of the true gradient: as text, as it is shown, and in normal form."""

    text: str
    shown: Expr
    form: Poly


class Sentences:
    """Makes sentences in the names of a source.

    Args:
        algebra: the normal form of the parts.
        show: a formula as text.
        wrt: the argument whose gradient it is.
        indices: of the gradient.
    """

    def __init__(self, algebra: Algebra, show: Callable[[Expr], str], wrt: str, indices: tuple[Index, ...]) -> None:
        self.algebra, self.show, self.wrt, self.indices = algebra, show, wrt, indices

    def sentence(self, share: Poly, part: Part | None) -> str:
        """What it means that the claimed gradient contains (1 + share) times this part; of the whole gradient where it is None."""
        what = "the whole gradient" if part is None else part.text
        total = self.algebra.add(P1, share)
        if total is P0:
            return f"your gradient lacks {what}{self._role(part)}"
        inverse = self.algebra.power(total, -1) if len(terms(total)) == 1 else P0
        number = _number(total)
        if number == -1:
            return f"the sign of {what} is wrong"
        if number is not None and number > 0:
            return f"{what} is multiplied by {number}: it should stand there once{self._convention(part, number)}"
        if len(terms(inverse)) == 1 and _is_fraction(inverse):
            return f"{what} lacks the factor {self.show(present(self.algebra, inverse))}"
        meant = _exchanged(total)
        if meant is not None:
            below, above = meant
            return f"{what} is divided by {below} where {above} was meant: right only where {below} = {above}"
        return f"{what} has the factor {self.show(present(self.algebra, total))}, which does not belong there"

    def _strength(self, part: Part | None) -> tuple[Fraction, str] | None:
        """(c, λ) where the part is c λ times the argument itself, as a regulariser's derivative is."""
        if part is None or len(terms(part.form)) != 1:
            return None
        ((m, c),) = terms(part.form)
        names = {a.name: a for a, e in factors(m) if isinstance(a, At) and e == 1}
        own = names.pop(self.wrt, None)
        if own is None or len(names) != 1 or len(factors(m)) != 2 or own.indices != self.indices:
            return None
        (strength,) = names.values()
        return None if strength.indices else (c, self.show(strength))

    def _role(self, part: Part | None) -> str:
        """What a part is for, where its form tells."""
        if self._strength(part) is not None:
            return ", the derivative of the regulariser"
        deltas = [a for a in walk(part.form) if isinstance(a, Delta) and _of_label(a)] if part is not None and len(terms(part.form)) == 1 else []
        return f": the 1 at the right class, {self.show(deltas[0])[2:-1]}, is not subtracted" if len(deltas) == 1 else ""

    def _convention(self, part: Part | None, times: Fraction) -> str:
        """The loss that a multiple of the regulariser's derivative is right for."""
        found = self._strength(part)
        if found is None:
            return ""
        c, strength = found
        square = f"{strength} ‖{self.wrt}‖²"
        return f"; as it is it is right for {_times(c * times / 2, square)}, the reference has {_times(c / 2, square)}"


def _number(p: Poly) -> Fraction | None:
    return next((c for m, c in terms(p) if not factors(m)), None) if len(terms(p)) == 1 and p is constant(_only(p)) else None


def _only(p: Poly) -> Fraction:
    return next(c for _, c in terms(p))


def _of_label(delta: Delta) -> bool:
    return any(isinstance(a, At) and a.kind == "int" for a in delta.args)


def _times(c: Fraction, what: str) -> str:
    return what if c == 1 else f"{'½' if c == Fraction(1, 2) else c} {what}"


def _exchanged(total: Poly) -> tuple[str, str] | None:
    """(k, m) where a factor is m / k for two sizes."""
    ((m, c),) = terms(total) if len(terms(total)) == 1 else ((None, None),)
    powers = {e: a for a, e in factors(m) if isinstance(a, Size)} if m is not None and c == 1 and len(factors(m)) == 2 else {}
    above, below = powers.get(Fraction(1)), powers.get(Fraction(-1))
    return (below.name, above.name) if above is not None and below is not None else None


def _is_fraction(p: Poly) -> bool:
    """Whether a one-term polynomial reads as 1/m and not as m."""
    ((m, c),) = terms(p)
    return (all(e < 0 for _, e in factors(m)) and bool(factors(m))) or (not factors(m) and abs(c) < 1)
