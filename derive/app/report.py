"""The report of the main job: one HTML page that opens offline, with the formulas as MathML and the pictures inside."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Iterator
from html import escape
from pathlib import Path

from derive.app.findings import Findings
from derive.app.page import FOOT, HEAD, REPORT_STYLE
from derive.app.proofs import kind_of, proof_html, verdict_words
from derive.app.showing import check_status
from derive.app.training import rows
from derive.checking import Report
from derive.errors import BadInput
from derive.losses import Claim
from derive.proving.proof import Proof
from derive.render.highlight import python_html
from derive.render.mathml import math_element
from derive.render.texmath import read_latex

__all__ = ["page"]

_MARKS = {"good": "✓", "bad": "✗", "unsure": "?"}
_KINDS = ("good", "bad", "unsure")


def page(findings: Findings, folder: Path) -> str:
    """The whole report.

    Args:
        findings: what the main job found.
        folder: where `loss.png` and `weights.png` are.

    Raises:
        BadInput: a picture cannot be read.
    """
    style, _, article = findings.derivation.html(standalone=False).partition("</style>")
    parts = [_summary(findings), f'<div id="derivation">{article}</div>', _proofs(findings), _checks(findings), _training(findings, folder)]
    return HEAD.replace("{style}", style.partition("<style>")[2] + REPORT_STYLE) + "\n".join(parts) + FOOT


def _badge(kind: str, words: str) -> str:
    return f'<span class="badge {kind}">{_MARKS[kind]} {escape(words)}</span>'


def _section(name: str, title: str, body: str) -> str:
    return f'<section class="derivation" id="{name}">\n<h1>{title}</h1>\n{body}\n</section>'


# ------------------------------------------------------------------------------------------- the summary


def _summary(findings: Findings) -> str:
    form = findings.derivation.matrix()
    answer = ""
    if form is not None:
        answer = (f'<div class="wide answer"><span class="lead">∂loss/∂{escape(findings.derivation.wrt)} = </span>'
                  f"{math_element(read_latex(form.latex))}</div><p><small>{escape(form.legend)}.</small></p>")
    rows_of = [f'<li><a href="#{target}">{escape(name)}</a><span>{escape(text)}</span></li>' for target, name, text in _outline(findings)]
    outline = f'<ol class="outline">{"".join(rows_of)}</ol>'
    return ('<header class="derivation">\n<h1>The softmax classifier, from its source to a trained model</h1>\n'
            "<p>One function, written once in JAX. Its gradient is derived from that source for any number of examples, features and "
            "classes; the derivation is proved, turned into NumPy, used to judge gradients that people wrote by hand; and the same "
            f'function object is compiled and trained on handwritten digits.</p>\n{answer}\n{outline}\n</header>')


def _outline(findings: Findings) -> Iterator[tuple[str, str, str]]:
    proved = sum(proof.verdict == "proved" for _, proof in findings.proofs)
    judged = "; ".join(f"the {place}: {report.verdict}" for place, (_, _, report) in zip(("first", "second"), findings.checks))
    run = findings.run
    steps = len(findings.derivation.steps)
    yield "derivation", "The derivation", f"{steps} steps, each by a named theorem, found in {findings.seconds:.2f} s"
    yield "proofs", "The proofs", f"{proved} of {len(findings.proofs)} statements proved for all sizes"
    yield "checks", "Two handwritten gradients", judged
    yield "training", "The training", f"{100 * run.test_accuracy:.1f} % of the test digits are recognised"


# ------------------------------------------------------------------------------------------- proofs and checks


def _proofs(findings: Findings) -> str:
    intro = ("<p>Each statement says that two functions are equal. Both are brought to one normal form with all sizes left open; where "
             "that is the same expression, the functions are equal for all sizes and all real numbers. Both were also run at concrete "
             "numbers.</p>")
    claims = "\n".join(_claim(claim, proof) for claim, proof in findings.proofs)
    numbers = findings.agreement
    sizes = ", ".join(f"({m}, {d}, {k})" for m, d, k in numbers.sizes)
    agree = ('<div class="finding claim"><p>The derived gradient against <code>jax.grad</code>, in 64-bit: '
             f'{escape(str(numbers))}.</p>{_badge("good" if numbers.good else "bad", "agrees in numbers")}'
             f'<p class="note">(m, d, k) = {sizes}. Agreement in numbers is no proof; it guards against a fault that a proof and a '
             "derivation might share.</p></div>")
    return _section("proofs", "The proofs", f"{intro}\n{claims}\n{agree}")


def _claim(claim: Claim, proof: Proof) -> str:
    sources = "\n\n".join(inspect.getsource(function).rstrip() for function in (claim.left, claim.right))
    return (f'<div class="finding claim"><p>{escape(claim.words)}</p>{_badge(kind_of(proof), verdict_words(proof))}'
            f"<details><summary>the two functions, and both in normal form</summary><pre><code>{python_html(sources)}</code></pre>"
            f"{proof_html(proof)}</details></div>")


def _checks(findings: Findings) -> str:
    intro = ("<p>The code is run on arrays of formulas instead of numbers, with all sizes left open, so that what it computes can be "
             "compared with the derivation.</p>")
    return _section("checks", "Two handwritten gradients", intro + "\n".join(_check(*found) for found in findings.checks))


def _check(title: str, source: str, report: Report) -> str:
    kind = _KINDS[check_status(report)]
    says = "".join(_says(report))
    shown = f'<div class="says {kind}">{says}</div>' if says else ""
    rests = "; ".join((*report.assumptions, f"the numbers were compared with jax.grad at {report.tried} points"))
    return (f'<div class="finding"><div class="claim"><p><b>{escape(title)}</b></p>{_badge(kind, report.verdict)}</div>'
            f'<pre><code>{python_html(source.rstrip())}</code></pre>{shown}<p class="note">Rests on: {escape(rests)}.</p></div>')


def _says(report: Report) -> Iterator[str]:
    """What is wrong, as a formula and at concrete numbers."""
    if report.diagnosis:
        yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in report.diagnosis)}</ul>"
    if report.difference:
        yield f"<p>claimed − true = <code>{escape(report.difference)}</code></p>"
    if report.counterexample is not None:
        yield f"<pre>{escape(str(report.counterexample))}</pre>"
    yield from (f"<p>{escape(warning)}</p>" for warning in report.warnings)


# ------------------------------------------------------------------------------------------- training


def _training(findings: Findings, folder: Path) -> str:
    table = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows(findings.run))
    intro = ("<p>Minibatch gradient descent on the function that was derived above, compiled as it stands, on scikit-learn's handwritten "
             "digits of 8 × 8 pixels.</p>")
    body = (f'{intro}<table class="facts">{table}</table>\n'
            f"{_picture(folder / 'loss.png', 'The loss at each step, and its running mean')}\n"
            f"{_picture(folder / 'weights.png', 'What each class looks for: its column of W as a picture')}\n")
    files = "".join(f'<li><a href="{name}">{name}</a>: {words}</li>' for name, words in _FILES)
    return _section("training", "The training", f"{body}<h2>Next to this page</h2><ul>{files}</ul>")


_FILES = (
    ("derivation.tex", "the derivation as a LaTeX document"),
    ("gradient.py", "the gradient as a NumPy function"),
    ("weights.npz", "the trained weights; derive.train.load_run reads them"),
    ("loss.png", "the loss curve"),
    ("weights.png", "the weight templates"),
)


def _picture(path: Path, words: str) -> str:
    try:
        content = base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    return f'<figure><img alt="{escape(words)}" src="data:image/png;base64,{content}"/><figcaption>{escape(words)}</figcaption></figure>'
