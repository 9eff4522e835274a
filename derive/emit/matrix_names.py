"""Letters for matrices: capitals for matrices, Greek where a name spells a Greek letter, and what each letter means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derive.derivation import Definition, Story
from derive.index import Index

__all__ = ["Names"]

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "eta": "η", "theta": "θ", "lam": "λ", "lambda": "λ",
    "lambda_": "λ", "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
}
_LATEX = {letter: rf"\{name.rstrip('_')}" for name, letter in _GREEK.items() if name not in ("lam", "eps")}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Names:
    """How the arrays of one story are written in matrix notation."""

    def __init__(self, story: Story, definitions: Iterable[Definition]) -> None:
        listed = list(definitions)
        self.taken = {argument.name for argument in story.source.arguments} | {definition.name.rstrip("′") for definition in listed}
        self.cotangents = {definition.name for definition in listed if definition.role == "cotangent"} | {"dout"}
        self.notes: dict[str, None] = {}
        self.owners: dict[str, str] = {}
        self.labels: dict[str, tuple[str, str]] = {}

    def note(self, text: str) -> None:
        """A sentence for the legend."""
        self.notes[text] = None

    def legend(self) -> str:
        """What the letters mean, in one line; may be empty."""
        return "; ".join(self.notes)

    def shown(self, name: str, rank: int) -> tuple[str, str]:
        """An array's letter, as text and as LaTeX."""
        plain = self._capital(name.rstrip("′")) if rank == 2 else name.rstrip("′")
        primes = "′" * (len(name) - len(name.rstrip("′")))
        if rank == 2 and plain != name.rstrip("′"):
            self.note(f"{_spelled(plain + primes)[0]} is the matrix of {_spelled(name)[0]}")
        return self._own(name, plain + primes)

    def _own(self, name: str, spelled: str) -> tuple[str, str]:
        """The letter, or the name as it is written where another array has that letter: lam and lambda_ are two things."""
        text, latex = _spelled(spelled)
        if self.owners.setdefault(text, name) == name:
            return text, latex
        plain = name.replace("_", r"\_")
        return name, rf"\mathrm{{{plain}}}"

    def _capital(self, name: str) -> str:
        """The capital: p becomes P, dz becomes dZ, unless that name is taken."""
        start = 1 if name.startswith("d") and len(name) > 1 and (name in self.cotangents or name[1:] in self.taken) else 0
        capital = name[:start] + name[start:start + 1].upper() + name[start + 1:]
        return name if capital in self.taken or name in _GREEK else capital

    def one_hot(self, label: str, column: Index | None) -> tuple[str, str]:
        """The letter of the one-hot matrix of a label array."""
        if label in self.labels:
            return self.labels[label]
        letter = next(name for name in (label.upper(), "T", "E", f"{label}_onehot") if name not in self.taken)
        column_name = column.name if column is not None else "c"
        row = next(r for r in "irj" if r not in (column_name, label))
        column_name = column_name if column_name != label else next(c for c in "cbl" if c not in (row, label))
        entry = f"entry 1 at ({row}, {column_name}) where {column_name} = {label}_{row}, else 0"
        self.note(f"{letter} is the one-hot matrix of the labels {label} ({entry})")
        self.labels[label] = _spelled(letter)
        return self.labels[label]


def _spelled(name: str) -> tuple[str, str]:
    stem, primes = name.rstrip("′"), len(name) - len(name.rstrip("′"))
    found = re.fullmatch(r"(.*?)_?(\d*)", stem)
    base, digits = (found.group(1), found.group(2)) if found else (stem, "")
    letter = _GREEK.get(stem) or _GREEK.get(base, base)
    digits = "" if stem in _GREEK else digits
    latex = _LATEX.get(letter, letter if len(letter) == 1 else rf"\mathrm{{{letter}}}".replace("_", r"\_"))
    latex = re.sub(r"^\\mathrm\{d(\w)\}$", r"\\mathrm{d}\1", latex)
    subscript = f"_{{{digits}}}" if digits else ""
    return letter + digits.translate(_SUBSCRIPTS) + "′" * primes, latex + subscript + "'" * primes
