"""A proof in words and formulas, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from derive.derivation import Assumption, Section
from derive.proving.proof import Proof
from derive.render import Notation, expression

__all__ = ["kind_of", "proof_html", "proof_status", "proof_text", "verdict_words"]

_KINDS = {"proved": "good", "refuted": "bad", "proved off the kink": "unsure", "undecided": "unsure"}
_WORDS = {"proved": "proved for all sizes", "proved off the kink": "proved for all sizes, ties aside", "undecided": "cannot decide"}


def kind_of(proof: Proof) -> str:
    """How a proof is marked: 'good', 'bad' or 'unsure'."""
    return _KINDS[proof.verdict]


def verdict_words(proof: Proof) -> str:
    """The verdict as the reader is told it."""
    return _WORDS.get(proof.verdict, proof.verdict)


def proof_status(proof: Proof) -> int:
    """0 where equality is proved, 1 where it fails somewhere (ties included), 2 where it is undecided."""
    return 2 if proof.verdict == "undecided" else 0 if proof else 1


def proof_text(proof: Proof) -> Iterator[tuple[str, str]]:
    """Rows of a name and a text: the reason, both sides brought to normal form, what it rests on, the counterexample."""
    if proof.counterexample is None:
        yield "why", proof.reason
    notation = _notation(proof)
    for section in proof.sections:
        yield section.title.lower(), _end(section, "text", notation)
    for text in _assumptions(proof.assumptions):
        yield "rests on", text
    if proof.tried:
        yield "tried", f"both functions were run at {proof.tried} point{'s' if proof.tried != 1 else ''}"
    if proof.counterexample is not None:
        c = proof.counterexample
        yield "at the sizes", ", ".join(f"{name} = {size}" for name, size in c.sizes.items())
        for name, value in c.arrays.items():
            yield name, " ".join(str(value).split())
        yield "the values", " and ".join(" ".join(str(value).split()) for value in c.values)
        yield "they differ", f"by {c.difference:.6g}" + (f" at entry {c.place}" if c.place else "")


def proof_html(proof: Proof) -> str:
    """Both sides in normal form and what the proof rests on, as rows of formulas."""
    notation = _notation(proof)
    rows = [f'<tr><td class="left">{escape(section.title)}</td><td class="value">{_end(section, "mathml", notation)}</td></tr>'
            for section in proof.sections]
    premises = "; ".join(_assumptions(proof.assumptions))
    note = f"<p><small>Rests on: {escape(premises)}.</small></p>" if premises else ""
    return f'<div class="wide"><table class="sides">{"".join(rows)}</table></div>{note}'


def _notation(proof: Proof) -> Notation:
    ends = [part for section in proof.sections for part in (section.start, *(step.after for step in section.steps)) if part is not None]
    return Notation.of(*ends)


def _end(section: Section, form: str, notation: Notation) -> str:
    """The last expression of a chain."""
    last = section.steps[-1].after if section.steps else section.start
    return expression(last, form, notation=notation) if last is not None else ""


def _assumptions(assumptions: tuple[Assumption, ...]) -> list[str]:
    """In words and symbols, each once."""
    texts = [f"{a.text}: {expression(a.condition)}" if a.condition is not None else a.text for a in assumptions]
    return list(dict.fromkeys(texts))

