"""Whether handwritten code is numerically safe: large numbers, other types, memory, unusual sizes.  None of the user's data is used."""

from derive.checking.safety.probes import findings
from derive.checking.safety.setting import Finding

__all__ = ["Finding", "findings"]
