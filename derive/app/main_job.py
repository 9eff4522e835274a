"""The main job: the softmax classifier from its source to a trained model, in the terminal and as a folder."""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from derive import data, losses
from derive.app.files import usable_folder, write_text
from derive.app.findings import HANDWRITTEN, SIZES, Agreement, Findings
from derive.app.proofs import kind_of, proof_text, verdict_words
from derive.app.report import page
from derive.app.showing import show_report
from derive.app.terminal import Screen
from derive.app.training import Kept, keep, require_extras, rows, train_shown
from derive.checking import Report, check
from derive.data import Dataset
from derive.face import Derivation, gradient
from derive.losses import Claim
from derive.proving.proof import Proof, prove
from derive.train import Run

__all__ = ["agreement", "main_job"]

def main_job(options: argparse.Namespace, screen: Screen) -> int:
    """Derive, prove, check and train; show it, and write the folder."""
    started = time.perf_counter()
    folder = usable_folder(options.out)
    require_extras()
    screen.raw(screen.ink("The softmax classifier, from its source to a trained model", "bold"))
    derivation, seconds = _derived(screen)
    proofs, numbers = _proved(derivation, screen)
    checks = _checked(screen)
    dataset, run = _trained(options.seed or 0, screen)
    findings = Findings(derivation, seconds, proofs, numbers, checks, run, dataset)
    kept = _written(findings, folder)
    screen.heading("Where everything is", f"{time.perf_counter() - started:.0f} s in all")
    screen.pairs([(words, str(path)) for words, path in kept.items()])
    return 0 if findings.as_expected else 1


def _derived(screen: Screen) -> tuple[Derivation, float]:
    started = time.perf_counter()
    derivation = gradient(losses.loss, "W", losses.SHAPES)
    seconds = time.perf_counter() - started
    screen.heading("1  The source and its derivation", f"{len(derivation.steps)} steps in {seconds:.2f} s")
    screen.raw()
    screen.raw(derivation.text(width=screen.width, colour=screen.colour))
    return derivation, seconds


def _proved(derivation: Derivation, screen: Screen) -> tuple[tuple[tuple[Claim, Proof], ...], Agreement]:
    screen.heading("2  The proofs", "for all sizes, over the real numbers")
    found = []
    for claim in losses.CLAIMS:
        proof = prove(claim.left, claim.right, claim.shapes)
        found.append((claim, proof))
        screen.verdict(kind_of(proof), verdict_words(proof), claim.words)
        if proof.verdict != "proved":
            screen.pairs(list(proof_text(proof)))
    numbers = agreement(derivation, losses.loss)
    screen.verdict("good" if numbers.good else "bad", "agrees in numbers", f"The derivation against jax.grad: {numbers}.")
    return tuple(found), numbers


def agreement(derivation: Derivation, loss: Callable[..., Any], sizes: tuple[tuple[int, int, int], ...] = SIZES) -> Agreement:
    """Compare the derived gradient, as NumPy, with `jax.grad` in 64-bit at random numbers of each of the sizes (m, d, k)."""
    rng = np.random.default_rng(7)
    derived, largest = derivation.function(), 0.0
    with jax.enable_x64(True):
        oracle = jax.jit(jax.grad(loss))
        for m, d, k in sizes:
            W, X, y = rng.normal(size=(d, k)), rng.normal(size=(m, d)), rng.integers(0, k, m)
            true = np.asarray(oracle(W, X, y, 0.3))
            largest = max(largest, float(np.max(np.abs(derived(W, X, y, 0.3) - true)) / max(np.max(np.abs(true)), 1e-300)))
    return Agreement(sizes, largest)


def _checked(screen: Screen) -> tuple[tuple[str, str, Report], ...]:
    screen.heading("3  Two handwritten gradients", "derive/losses.py")
    found = []
    for title, function, _ in HANDWRITTEN:
        report = check(function, losses.loss, "W", losses.SHAPES)
        found.append((title, inspect.getsource(function), report))
        screen.raw(f"\n  {title}")
        show_report(report, screen)
    return tuple(found)


def _trained(seed: int, screen: Screen) -> tuple[Dataset, Run]:
    dataset = data.load("digits", seed)
    screen.heading("4  Training", "the same function, compiled")
    screen.words(f"Handwritten digits of 8 × 8 pixels: {len(dataset.train):,} to train, {len(dataset.val)} to validate, "
                 f"{len(dataset.test)} to test.", indent="  ")
    run = train_shown(losses.loss, dataset, {"seed": seed}, screen)
    screen.pairs(rows(run))
    return dataset, run


def _written(findings: Findings, folder: Path) -> Kept:
    kept = keep(findings.run, findings.data, folder)
    d = findings.derivation
    kept["derivation, LaTeX"] = write_text(folder / "derivation.tex", d.latex())
    kept["gradient, NumPy"] = write_text(folder / "gradient.py", d.numpy())
    report = write_text(folder / "report.html", page(findings, folder))
    return {"the report": report, **kept}
