"""What stands for a name in a symbolic loop: a value that must not be used, or a number that is added to."""

from __future__ import annotations

from typing import Any

from derive.checking.lift.arrays import Operand
from derive.checking.lift.session import refuse
from derive.checking.lift.storage import Location, Storage
from derive.index import Expr

__all__ = ["Cell", "Poison"]


class Poison:
    """The value of a name that only some iterations give; every use is refused."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "poisoned", name)

    def lift_operand(self) -> Any:
        """Refuse."""
        refuse(f"'{object.__getattribute__(self, 'poisoned')}' keeps a value from one iteration of a symbolic loop to another place")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):
            raise AttributeError(name)
        return self.lift_operand()

    def _use(self, *args: Any) -> Any:
        return self.lift_operand()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = _use
    __neg__ = __getitem__ = __setitem__ = __call__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = _use
    __lt__ = __le__ = __gt__ = __ge__ = __rmatmul__ = __abs__ = __contains__ = _use


class Cell(Operand):
    """Memory that stands for a number in a symbolic loop; only the statement that adds to the number changes it (see `plus`)."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.sizes = storage, ()

    @property
    def kind(self) -> str:  # type: ignore[override]  # a property where the base has a plain attribute
        """'float', 'int' or 'bool'."""
        return self.storage.kind

    def locate(self, at: Location) -> Location:
        """Its place in its storage."""
        return at

    def entry(self, at: Location) -> Expr:
        """The number."""
        return self.storage.read(())
