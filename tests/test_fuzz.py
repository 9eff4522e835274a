"""A few hundred pairs of the fuzzers in benchmarks/, and rules broken on purpose, which they must notice."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from derive.index import Index
from derive.normal import P1, Algebra
from derive.normal.ring import UNIT, factors, poly, terms


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz_trees, fuzz_prove = _load("fuzz_trees"), _load("fuzz_prove")


def test_normal_forms_keep_their_value():
    found = fuzz_trees.run(250, seed=11)
    assert found["equal, called equal"] > 90
    assert found["mutated, numbers differ"] > 60


def test_what_is_called_proved_survives():
    found = fuzz_prove.run(70, seed=5, jax_every=24, deepest=2)
    assert found["equal, proved"] > 25
    assert found["changed, refuted"] > 18


# ------------------------------------------------------------------------------------------- rules broken on purpose


class QuotientWithoutLeadingCoefficient(Algebra):
    def _reduce(self, live):
        for a, e in live.items():
            lead = self.leading(a) if e < 0 and terms_of(a) else None
            if lead is not None and lead is not UNIT and self._contains(live, lead):
                rest = self._divided(live, lead)
                tail = poly({m: c for m, c in terms(a) if m is not lead})
                return self.sub(self.product({**rest, a: e + 1}), self.mul(self.product(rest), self.scale(tail, 2)))
        return None


class IndicatorWithoutSign(Algebra):
    def indicator(self, op, p):
        return super().indicator(op, self.scale(p, -1) if terms(p) and self.unit(p) < 0 else p)


class DeltaAcrossRanges(Algebra):
    def in_range(self, value, b):
        return isinstance(value, Index) or super().in_range(value, b)


class RootOfSquareWithoutBars(Algebra):
    def _power_of_product(self, p, r):
        ((m, c),) = terms(p)
        if r.denominator != 1 and c > 0:
            return self.scale(self.product({a: e * r for a, e in factors(m)}), Fraction(1)) if c == 1 else super()._power_of_product(p, r)
        return super()._power_of_product(p, r)


class LogOfAnyProduct(Algebra):
    def content(self, p, *, positive_only):
        return super().content(p, positive_only=False)


class SizeForgotten(Algebra):
    def _components(self, bound, powers):
        return super()._components(bound, powers) if any(f.free & set(bound) for f in powers) else self.mul(P1, self.product(powers))


class StepWithoutHalf(Algebra):
    def function(self, name, args):
        return super().function("sign" if name == "heaviside" and not terms(args[0]) else name, args)


def terms_of(a):
    return terms(a) if type(a).__name__ == "Poly" else ()


# Some are met by few expressions; `first` skips most of those that do not meet them (from 0 on, all are noticed within 1,100 pairs).
@pytest.mark.parametrize(("broken", "first"), [
    (QuotientWithoutLeadingCoefficient, 0), (IndicatorWithoutSign, 0), (DeltaAcrossRanges, 120), (RootOfSquareWithoutBars, 1060),
    (LogOfAnyProduct, 0), (SizeForgotten, 0), (StepWithoutHalf, 490),
])
def test_a_broken_rule_is_noticed(broken, first):
    with pytest.raises(fuzz_trees.Wrong, match=r"changes the value|called equal"):
        fuzz_trees.run(100, seed=2, algebra=broken, first=first)
