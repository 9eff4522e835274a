"""What the names of a function mean while it is run on arrays of symbolic sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

import numpy as np

from derive.checking.lift.comprehensions import AFTER, FORMATTED, LISTED, SPAN
from derive.checking.lift.loops import iterate, plus
from derive.checking.lift.mapping import Vectorized, formatted, listed
from derive.checking.lift.python import BUILTINS, after, numpy_attribute, replacement, span
from derive.checking.lift.rebuild import Rebuilder
from derive.checking.lift.rewrite import ITERATE, PLUS, rewritten
from derive.checking.lift.session import refuse

__all__ = ["Patcher"]


class Patcher(Rebuilder):
    """Rebuilds functions, each once, for one run; loops are rewritten too."""

    builtins: ClassVar[Mapping[str, Any]] = BUILTINS
    helpers: ClassVar[Mapping[str, Any]] = {ITERATE: iterate, PLUS: plus, LISTED: listed, FORMATTED: formatted, SPAN: span, AFTER: after}

    def stand_in(self, value: Any) -> Any:
        """What stands for a function of Python's or NumPy's."""
        return Vectorized(self.patch(value.pyfunc)) if isinstance(value, np.vectorize) else replacement(value)

    def attribute(self, module: ModuleType, name: str) -> Any:
        """What module.name is."""
        if module is np and name == "random":
            refuse("random numbers")
        if module is np and name == "linalg":
            return self.patch(np.linalg)
        if module in (np, np.linalg):
            return numpy_attribute(module, name, "" if module is np else "linalg.")
        if module is math and name in ("pi", "e"):
            return numpy_attribute(np, name)
        return self.patch(getattr(module, name))

    def code(self, function: FunctionType) -> CodeType:
        """The function's code with its loops rewritten."""
        return rewritten(function)
