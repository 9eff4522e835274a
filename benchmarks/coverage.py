"""What derives: every loss of optax, every activation and normaliser of jax.nn, layers, and losses as people write them; for each float argument.

    python benchmarks/coverage.py [--groups optax.losses,layers] [--jobs 2] [--no-proofs] [--keep FILE] [--write benchmarks/COVERAGE.md]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent)]

from covering.judging import Covered, covered  # noqa: E402
from covering.page import page  # noqa: E402
from covering.rows import groups  # noqa: E402

Task = tuple[str, int, bool]


def work(task: Task) -> list[Covered]:
    """All arguments of one row."""
    group, place, prove = task
    row = groups()[group][place]
    return [covered(group, row, wrt, prove=prove) for wrt in row.wrt]


def kept(file: Path, rows: list[Covered], chosen: list[str], order: list[str]) -> list[Covered]:
    """These rows with those of the other groups that were kept; all of them are kept."""
    before = [Covered(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    whole = sorted([*(c for c in before if c.group not in chosen), *rows], key=lambda c: order.index(c.group))
    file.write_text("".join(json.dumps(c.row()) + "\n" for c in whole), encoding="utf-8")
    return whole


def main() -> None:
    """Run, print a line for each row, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", default="", help="some of the groups, with commas")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-proofs", action="store_true", help="leave out the check of the emitted code, which takes the most time")
    parser.add_argument("--keep", default="", help="a file of lines: those of groups that are not run now are taken from it, and it is written anew")
    parser.add_argument("--write", default="", help="a file for the page; without it, it is printed")
    options = parser.parse_args()
    known = groups()
    chosen = options.groups.split(",") if options.groups else list(known)
    todo = [(group, place, not options.no_proofs) for group in chosen for place in range(len(known[group]))]
    tolerances = {(group, row.label): row.tolerance for group in known for row in known[group]}
    start, rows = time.time(), []
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for part in pool.imap(work, todo):
            rows += part
            for c in part:
                said = c.error[:160] or f"{c.proved}; gap {c.gap:.0e}; {c.seconds:.2f} s; {c.large}"
                print(f"{len(rows):4d} {time.time() - start:5.0f} s  {c.label}, {c.wrt}: {said}", file=sys.stderr, flush=True)
    if options.keep:
        rows = kept(Path(options.keep), rows, chosen, list(known))
    text = page(rows, tolerances)
    if options.write:
        Path(options.write).write_text(text, encoding="utf-8")
    print(text if not options.write else text[:text.index("## ")])


if __name__ == "__main__":
    main()
