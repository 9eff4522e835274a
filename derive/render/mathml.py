"""Layout as MathML Core, which browsers draw without any script."""

from __future__ import annotations

from xml.sax.saxutils import escape

from derive.render.layout import Cases, Fence, Fraction, Large, Node, Number, Operator, Root, Row, Script, Symbol, Word, tall
from derive.render.names import hatted

__all__ = ["math_element", "mathml"]

_SPACED = {
    "binary": ' lspace="0.22em" rspace="0.22em"', "relation": ' lspace="0.28em" rspace="0.28em"',
    "comma": ' lspace="0" rspace="0.2em"',
}
_TIGHT = ' lspace="0" rspace="0"'


def math_element(node: Node, block: bool = False) -> str:
    """A complete <math> element."""
    display = ' display="block"' if block else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display} displaystyle="true">{mathml(node)}</math>'


def mathml(node: Node) -> str:
    """The layout as MathML, without the <math> around it."""
    match node:
        case Symbol(base, sub, primes):
            return _symbol(base, sub, primes)
        case Number(text):
            return f"<mn>{escape(text)}</mn>"
        case Word(text):
            return f"<mtext>{escape(text).replace(' ', chr(160))}</mtext>"
        case Operator("", "thin" | "apply"):
            return '<mspace width="0.17em"></mspace>'
        case Operator("", _):
            return ""
        case Operator(mark, role):
            return f'<mo stretchy="false"{_SPACED.get(role, _TIGHT)}>{escape(mark)}</mo>'
        case Large(mark, under):
            return _large(mark, mathml(under))
        case Row(parts):
            return f"<mrow>{''.join(map(mathml, parts))}</mrow>"
        case Fence(left, body, right):
            grow = tall(body)
            return f"<mrow>{_fence(left, 'prefix', grow)}{mathml(body)}{_fence(right, 'postfix', grow)}</mrow>"
        case _:
            return _stacked(node)


def _symbol(base: str, sub: str, primes: int) -> str:
    hat = hatted(base)
    body = f"<mi>{escape(base)}</mi>" if hat is None else _hat(*hat)
    low = f"<mn>{sub}</mn>" if sub.isdigit() else f'<mi mathvariant="normal">{escape(sub)}</mi>'
    high = f'<mo lspace="0" rspace="0">{"′" * primes}</mo>'
    if sub and primes:
        return f"<msubsup>{body}{low}{high}</msubsup>"
    return f"<msub>{body}{low}</msub>" if sub else f"<msup>{body}{high}</msup>" if primes else body


def _hat(lead: str, letter: str) -> str:
    over = f'<mover accent="true"><mi>{letter}</mi><mo>^</mo></mover>'
    return f'<mrow><mi mathvariant="normal">{lead}</mi>{over}</mrow>' if lead else over


def _large(mark: str, under: str) -> str:
    if mark == "Σ":
        return f'<munder><mo movablelimits="true" largeop="true" lspace="0" rspace="0.1em">∑</mo>{under}</munder>'
    return f'<munder><mo movablelimits="true" lspace="0" rspace="0.1em">{mark}</mo>{under}</munder>'


def _fence(mark: str, form: str, grow: bool) -> str:
    return f'<mo form="{form}" stretchy="{"true" if grow else "false"}" lspace="0" rspace="0">{mark}</mo>'


def _stacked(node: Node) -> str:
    match node:
        case Script(base, sub, sup):
            return _script(mathml(base), mathml(sub) if sub else "", mathml(sup) if sup else "")
        case Fraction(top, bottom):
            return f"<mfrac>{mathml(top)}{mathml(bottom)}</mfrac>"
        case Root(body):
            return f"<msqrt>{mathml(body)}</msqrt>"
        case Cases(rows):
            cells = "".join(f"<mtr><mtd>{mathml(value)}</mtd><mtd>{_when(test)}</mtd></mtr>" for value, test in rows)
            return f'<mrow>{_fence("{", "prefix", True)}<mtable class="cases">{cells}</mtable></mrow>'
        case _:
            raise TypeError(f"no MathML for {node!r}")


def _when(test: Node) -> str:
    return mathml(test) if isinstance(test, Word) else f"<mtext>if\u00a0</mtext>{mathml(test)}"


def _script(base: str, sub: str, sup: str) -> str:
    if sub and sup:
        return f"<msubsup>{base}{sub}{sup}</msubsup>"
    return f"<msub>{base}{sub}</msub>" if sub else f"<msup>{base}{sup}</msup>" if sup else base
