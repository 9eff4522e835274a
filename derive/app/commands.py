"""The commands on a loss in a user's file: explain, emit and prove.  Each returns the exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import jax

from derive import face
from derive.app.files import Loader, usable_target, write_text
from derive.app.proofs import kind_of, proof_status, proof_text, verdict_words
from derive.app.signature import parse_shapes, parse_wrt
from derive.app.terminal import Screen
from derive.face import Derivation
from derive.proving.proof import prove
from derive.signatures import Signature, guessed_shapes

__all__ = ["emit_command", "explain_command", "prove_command"]

_FORMS: dict[str, Callable[[Derivation], str]] = {"html": Derivation.html, "latex": Derivation.latex, "markdown": Derivation.markdown}
_KINDS = {"gradient": face.gradient, "vjp": face.vjp, "jacobian": face.jacobian, "hessian": face.hessian}


def explain_command(options: argparse.Namespace, screen: Screen) -> int:
    """Show a derivation in the terminal, or write it to the files that were asked for."""
    targets = {form: path if path == "-" else usable_target(path) for form in _FORMS if (path := getattr(options, form))}
    derivations = _derivations(options, screen)
    if not targets:
        screen.raw("\n\n".join(d.text(width=screen.width, colour=screen.colour).rstrip() for d in derivations))
        return 0
    for form, target in targets.items():
        for d in derivations:
            if isinstance(target, Path):
                file = target if len(derivations) == 1 else target.with_stem("-".join((target.stem, *d.story.wrt_all)))
                screen.raw(f"wrote {write_text(file, _FORMS[form](d))}")
            else:
                screen.raw(_FORMS[form](d))
    return 0


def emit_command(options: argparse.Namespace, screen: Screen) -> int:
    """Print the gradient as NumPy or JAX source, and nothing else on the standard output."""
    for k, d in enumerate(_derivations(options, screen)):
        if k:
            screen.raw("\n")
        screen.code(d.jax() if options.jax else d.numpy(), indent="")
    return 0


def _derivations(options: argparse.Namespace, screen: Screen) -> list[Derivation]:
    """One derivation for each argument that --wrt names."""
    function = Loader().function(options.target)
    found = guessed_shapes(function, parse_shapes(options.shapes))
    _tell(found)
    derive = _KINDS[getattr(options, "kind", "gradient")]
    asked = [derive(function, wrt, found.shapes, options.assume or ()) for wrt in parse_wrt(options.wrt, function)]
    return [d for d in jax.tree_util.tree_leaves(asked) if isinstance(d, Derivation)]


def _tell(found: Signature) -> None:
    """What was guessed goes to the standard error, so that the output can be piped."""
    if found.note:
        Screen(sys.stderr).words(found.note, style="dim")


# ------------------------------------------------------------------------------------------- prove


def prove_command(options: argparse.Namespace, screen: Screen) -> int:
    """Decide whether two functions are equal for all sizes, and show why."""
    loader = Loader()
    left, right = loader.function(options.left), loader.function(options.right)
    found = guessed_shapes(left, parse_shapes(options.shapes))
    _tell(found)
    proof = prove(left, right, found.shapes, options.assume or ())
    screen.verdict(kind_of(proof), verdict_words(proof), f"{options.left} = {options.right}")
    screen.pairs(list(proof_text(proof)))
    return proof_status(proof)
