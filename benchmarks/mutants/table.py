"""The tables that a run prints."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from mutants.outcome import Outcome

WRONG = ("different", "crashes", "crashes somewhere")


def told(o: Outcome) -> str:
    """One outcome that should not be."""
    return f"{o.alarm.upper()}: {o.label}\n    truth: {o.truth} {o.where}\n    derive: {o.verdict}; loss: {o.loss}; {o.words}"


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.1f} %)"


def summary(found: Sequence[Outcome], seconds: float) -> str:
    """Counts, shares, and what is not decided, by base and by reason."""
    truths = Counter(o.truth for o in found)
    lines = [f"{len(found)} mutants and rewrites of {len({o.base for o in found})} gradients in {seconds:.0f} s",
             "  truth: " + ", ".join(f"{n} {kind}" for kind, n in truths.most_common()),
             f"  false accepts: {sum(o.alarm == 'false accept' for o in found)} of {sum(o.truth in WRONG for o in found)}",
             f"  false alarms: {sum(o.alarm == 'false alarm' for o in found)} of {truths['same']}",
             f"  decided: {share(sum(o.decided for o in found), len(found))}",
             f"  for all sizes: {share(sum(o.for_all_sizes for o in found), len(found))}",
             f"  seconds for a check: median {statistics.median(o.seconds for o in found):.2f}, mean {statistics.mean(o.seconds for o in found):.2f}"]
    return "\n".join([*lines, *peers(found), *undecided(found), *slow(found)])


def peers(found: Sequence[Outcome]) -> list[str]:
    """Who catches what, of the mutants that everybody was asked about: those with another gradient, and those that mean the same."""
    asked = [o for o in found if o.peers]
    wrong, same = [o for o in asked if o.truth == "different"], [o for o in asked if o.truth == "same"]
    if not asked:
        return []
    lines = ["", f"of {len(wrong)} mutants with another gradient, and of {len(same)} that mean the same:",
             f"  {'':40s} caught  missed  no answer  accused"]
    for name in asked[0].peers:
        said = Counter(o.peers[name].split(":")[0] for o in wrong)
        accused = sum(o.peers[name].startswith("caught") for o in same)
        lines.append(f"  {name:40s} {said['caught']:6d}  {said['missed']:6d}  {said['no answer']:9d}  {accused:7d}")
    sure, passed = sum(o.decided and not o.ok for o in wrong), sum(o.ok for o in wrong)
    lines.append(f"  {'derive.check':40s} {sure:6d}  {passed:6d}  {len(wrong) - sure - passed:9d}  {sum(o.alarm == 'false alarm' for o in same):7d}")
    return lines


def undecided(found: Sequence[Outcome]) -> list[str]:
    open_ones = [o for o in found if not o.decided]
    groups = Counter((o.base, o.verdict, reason(o)) for o in open_ones)
    lines = ["", "not decided, by base and reason:"]
    return [*lines, *(f"  {n:4d}  {base}: {verdict}: {why}" for (base, verdict, why), n in groups.most_common(60))]


def reason(o: Outcome) -> str:
    return o.words.split("|")[0].strip()[:130]


def slow(found: Sequence[Outcome]) -> list[str]:
    spent: Counter[str] = Counter()
    for o in found:
        spent[o.base] += round(o.seconds * 1000)
    counts = Counter(o.base for o in found)
    lines = ["", "where the time goes (seconds in all, each):"]
    return [*lines, *(f"  {ms / 1000:7.1f} {ms / 1000 / counts[base]:6.2f}  {base}" for base, ms in spent.most_common(15))]


