"""Mutation testing of `derive.check`: does a wrong gradient pass, is a right one accused, and how much stays undecided?

Mutants are made from the syntax trees of the right gradients in `tests/variants`; rewrites that keep the meaning are made from the same.
The truth of each comes from the reference in 40 digits, differentiated by arithmetic of its own (`mutants/number.py`), at many points and
several sizes; derive has no part in it.

    python benchmarks/mutation.py [--sample N] [--seed S] [--bases a,b] [--jobs 2] [--rewrites N] [--peers N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent)]

from mutants import table  # noqa: E402
from mutants.mutate import Mutant, all_mutants, sample  # noqa: E402
from mutants.outcome import Outcome, outcomes  # noqa: E402
from mutants.rewrites import TABLE as REWRITES  # noqa: E402
from variants import VARIANTS, Variant  # noqa: E402

CHUNK = 40


def bases(names: str) -> list[Variant]:
    """The right variants, or some of them by name."""
    chosen = [v for v in VARIANTS if v.right and (not names or v.name in names.split(","))]
    if not chosen:
        raise SystemExit(f"no base is called {names!r}")
    return chosen


def chosen(variant: Variant, each: int, rewrites: int, seed: int) -> list[Mutant]:
    return sample(all_mutants(variant), each, seed) + sample(all_mutants(variant, REWRITES), rewrites, seed)


def shares(total: int, variants: Sequence[Variant]) -> int:
    return -(-total // len(variants))


def work(task: tuple[str, int, int, int, int]) -> list[Outcome]:
    """One chunk of the mutants of one base; a base's chunks go to whoever is free."""
    name, each, rewrites, seed, part = task
    variant = next(v for v in VARIANTS if v.name == name)
    return outcomes(chosen(variant, each, rewrites, seed)[part * CHUNK:(part + 1) * CHUNK])


def tasks(variants: Sequence[Variant], each: int, rewrites: int, seed: int) -> list[tuple[str, int, int, int, int]]:
    return [(v.name, each, rewrites, seed, part) for v in variants for part in range(shares(len(chosen(v, each, rewrites, seed)), [v] * CHUNK))]


def run(todo: Sequence[tuple[str, int, int, int, int]], jobs: int) -> Iterator[list[Outcome]]:
    if jobs == 1:
        yield from map(work, todo)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(work, todo)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=5200, help="how many mutants in all")
    parser.add_argument("--rewrites", type=int, default=520, help="how many rewrites in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bases", default="", help="names of variants, with commas")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", default="", help="a file for one line for each mutant")
    options = parser.parse_args()
    variants = bases(options.bases)
    todo = tasks(variants, shares(options.sample, variants), shares(options.rewrites, variants), options.seed)
    start, found = time.time(), []
    out = open(options.json, "w", encoding="utf-8") if options.json else None
    for part in run(todo, options.jobs):
        found += part
        if out is not None:
            out.writelines(json.dumps(o.row()) + "\n" for o in part)
            out.flush()
        for o in part:
            if o.alarm:
                print(table.told(o), flush=True)
        print(f"{len(found)} after {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print(table.summary(found, time.time() - start))


if __name__ == "__main__":
    main()
