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
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent)]

from mutants import table  # noqa: E402
from mutants.conventions import conventions  # noqa: E402
from mutants.mutate import Mutant, all_mutants, sample  # noqa: E402
from mutants.outcome import Outcome, outcomes  # noqa: E402
from mutants.peers import verdicts  # noqa: E402
from variants import VARIANTS, Variant  # noqa: E402

CHUNK = 40
Task = tuple[str, int, int, int, int, int]  # base, mutants and rewrites of each base, seed, which chunk, how many of it the peers are asked about


def bases(names: str) -> list[Variant]:
    """The right variants, or some of them by name."""
    chosen = [v for v in VARIANTS if v.right and (not names or v.name in names.split(","))]
    if not chosen:
        raise SystemExit(f"no base is called {names!r}")
    return chosen


@cache
def chosen(variant: Variant, each: int, rewrites: int, seed: int) -> list[Mutant]:
    return sample(all_mutants(variant), each, seed) + sample(all_mutants(variant, True), rewrites, seed) + conventions(variant)


def shares(total: int, variants: Sequence[Variant]) -> int:
    return -(-total // len(variants))


def work(task: Task) -> list[Outcome]:
    """One chunk of the mutants of one base; a base's chunks go to whoever is free."""
    name, each, rewrites, seed, part, peers = task
    variant = next(v for v in VARIANTS if v.name == name)
    mine = chosen(variant, each, rewrites, seed)[part * CHUNK:(part + 1) * CHUNK]
    return outcomes(mine[:peers], verdicts) + outcomes(mine[peers:])


def tasks(variants: Sequence[Variant], each: int, rewrites: int, seed: int, peers: int) -> list[Task]:
    """The chunks of all bases, the first chunks of all before the second ones."""
    counts = {v.name: len(chosen(v, each, rewrites, seed)) for v in variants}
    return sorted(((name, each, rewrites, seed, part, peers if part == 0 else 0) for name, n in counts.items() for part in range(-(-n // CHUNK))),
                  key=lambda task: task[4])


def run(todo: Sequence[Task], jobs: int) -> Iterator[list[Outcome]]:
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
    parser.add_argument("--peers", type=int, default=0, help="how many of the mutants the other checkers are asked about too")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", default="", help="a file for one line for each mutant")
    options = parser.parse_args()
    variants = bases(options.bases)
    todo = tasks(variants, shares(options.sample, variants), shares(options.rewrites, variants), options.seed, shares(options.peers, variants))
    start, found = time.time(), []
    for part in run(todo, options.jobs):
        found += part
        if options.json:
            with open(options.json, "a", encoding="utf-8") as out:
                out.writelines(json.dumps(o.row()) + "\n" for o in part)
        for o in part:
            if o.alarm:
                print(table.told(o), flush=True)
        print(f"{len(found)} after {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print(table.summary(found, time.time() - start))


if __name__ == "__main__":
    main()
