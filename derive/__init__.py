"""derive: one JAX function becomes its derivation, its proof, its NumPy gradient, its check and its training run.

>>> import derive
>>> d = derive.gradient(loss, wrt="W", shapes={"W": "d k", "X": "m d", "y": "int m", "lam": ""})
>>> print(d)
"""

from derive.checking import CheckFailed, Report, check
from derive.errors import BadInput, DeriveError, MissingExtra, Never, NotYet, Undecided
from derive.face import Derivation, gradient, hessian, jacobian, vjp
from derive.proving.proof import Proof, prove

__version__ = "0.1.0"

__all__ = ["BadInput", "CheckFailed", "Derivation", "DeriveError", "MissingExtra", "Never", "NotYet", "Proof", "Report", "Undecided", "check",
           "gradient", "hessian", "jacobian", "prove", "vjp"]
