"""Names: how a user's name is spelled, and which letter stands for which index.

Nothing is shared by accident: a letter never stands for two indices that can be seen together, nor for an index and something of the
user's; two of the user's names never look the same.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping

from derive.index import At, Const, Expr, Index, Size, walk
from derive.render.layout import Symbol

__all__ = ["GREEK", "Notation", "hatted", "spell"]

GREEK: Mapping[str, str] = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η", "theta": "θ", "iota":
    "ι", "kappa": "κ", "lambda": "λ", "lam": "λ", "lambd": "λ", "lmbda": "λ", "lmbd": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}
"""Greek letters by the names that code gives them.  Σ is left out: it is the sign of a sum."""

_POOL = "ijklabcrstuvnqghpwxyzmdf"
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", string.digits)


def spell(name: str) -> Symbol:
    """How a name of the program is written: `lam` is λ, `W1` is W with subscript 1, `w_out` is w with subscript out."""
    stem = name.rstrip("'′")
    primes = len(name) - len(stem)
    stem = stem.translate(_SUBSCRIPTS)
    parts = re.fullmatch(r"([^\W\d_]+)(?:_?(\d+)|_([^\W_]\w*)|_)?", stem)
    if parts is None:
        return Symbol(stem, "", primes)
    base = "Sigma" if parts[1] == "Σ" else GREEK.get(parts[1], parts[1])
    return Symbol(base, parts[2] or parts[3] or "", primes)


def hatted(base: str) -> tuple[str, str] | None:
    """('d' or nothing, the letter) for a name that is spelled out as a letter with a hat: xhat is x̂, dxhat its derivative."""
    found = re.fullmatch(r"(d?)([A-Za-z])hat", base)
    return (found[1], found[2]) if found else None


def _look(symbol: Symbol) -> str:
    """Two symbols that look alike have the same look."""
    return f"{symbol.base}{symbol.sub}" + "′" * symbol.primes


class Notation:
    """The letters and spellings of one story or one formula.

    Args:
        names: every name of the user's that may be seen: arrays, scalars.
        sizes: the names of sizes.
        constants: the named constants, such as 'pi'.
    """

    def __init__(self, names: Iterable[str] = (), sizes: Iterable[str] = (), constants: Iterable[str] = ()) -> None:
        self._symbols: dict[tuple[str, str], Symbol] = {}
        self._looks: set[str] = set()
        self._letters: dict[Index, str] = {}
        self._sizes: dict[str, Expr] = {}
        self._unique: dict[Index, str] = {}
        for constant in dict.fromkeys(constants):
            self._claim("constant", constant)
        for name in dict.fromkeys(names):
            self._claim("name", name)
        for size in dict.fromkeys(sizes):
            self._claim("size", size)

    @classmethod
    def of(cls, *expressions: Expr, names: Iterable[str] = ()) -> Notation:
        """The notation for these expressions and these further names."""
        parts = {part for node in expressions for part in walk(node)}
        found = {kind: sorted({part.args[0] for part in parts if isinstance(part, kind)}) for kind in (At, Size, Const)}
        return cls([*names, *found[At]], found[Size], found[Const])

    def _claim(self, kind: str, name: str) -> Symbol:
        spelled = spell(f"size_{name}") if kind == "size" and _look(spell(name)) in self._looks else spell(name)
        primes = spelled.primes
        if _look(spelled) in self._looks:  # `lam` next to `lambda`: the second keeps the word that was typed
            spelled = Symbol(name.rstrip("'′"), "", primes)
        while _look(spelled) in self._looks:
            spelled = Symbol(spelled.base, spelled.sub, spelled.primes + 1)
        self._looks.add(_look(spelled))
        self._symbols[kind, name] = spelled
        return spelled

    def symbol(self, name: str, kind: str = "name") -> Symbol:
        """The spelling of a name; kind is 'name', 'size' or 'constant'."""
        return self._symbols.get((kind, name)) or self._claim(kind, name)

    def taken(self, mark: str) -> bool:
        """Whether something of the user's looks like this mark, so that it cannot have its usual meaning."""
        return any(symbol.base == mark for (kind, _), symbol in self._symbols.items() if kind != "constant")

    def letters(self, indices: Iterable[Index], scope: Mapping[Index, str] | None = None) -> dict[Index, str]:
        """The scope, extended by a letter for each of the indices that differs from every letter in it."""
        indices = tuple(indices)
        extended = dict(scope or {})
        for index in indices:
            extended.pop(index, None)
        outer = set((scope or {}).values())
        for index in indices:
            letter = self._choose(index, outer | set(extended.values()))
            extended[index] = letter
            self._letters.setdefault(index, letter)
            self._sizes.setdefault(letter, index.size)
        return extended

    def unique(self, index: Index) -> str:
        """A letter that no other index has, in any scope."""
        if index not in self._unique:
            used = set(self._unique.values())
            self._unique[index] = next(letter for letter in self._candidates(index) if letter not in used and letter not in self._looks)
        return self._unique[index]

    def runs(self) -> list[tuple[Expr, list[str]]]:
        """For the legend: each size with the letters that run over it, in order of appearance."""
        groups: dict[Expr, list[str]] = {}
        for letter, size in self._sizes.items():
            groups.setdefault(size, []).append(letter)
        return list(groups.items())

    def _choose(self, index: Index, seen: set[str]) -> str:
        """The first free letter, preferring one that runs over this size wherever else it appears."""
        free = (letter for letter in self._candidates(index) if letter not in seen and letter not in self._looks)
        return next(letter for letter in free if self._sizes.get(letter, index.size) is index.size)

    def _candidates(self, index: Index) -> Iterator[str]:
        if index in self._letters:
            yield self._letters[index]
        yield _letter(index.name)
        primes = ""
        while True:
            yield from (letter + primes for letter in _POOL)
            primes += "′"


def _letter(name: str) -> str:
    """The one letter, with primes, that an index's name asks for."""
    stem = name.rstrip("'′")
    first = next((char for char in stem if char.isalpha()), "i")
    first = "i" if first in "eΣδ" else first  # these mean something else
    return first + "′" * (len(name) - len(stem)) if len(stem) == 1 else first.lower()
