"""`torch.autograd.Function`: run by torch on numbers, and run on formulas by a table of what torch's functions mean.

Layers (imports point only upward): tensors | rows | reductions, shapes, layers | library | lifting | function | findings.  torch itself is
never imported: who hands over one of its functions has imported it.
"""

import derive.checking.foreign.torch.layers as layers
import derive.checking.foreign.torch.reductions as reductions
import derive.checking.foreign.torch.rows as rows
import derive.checking.foreign.torch.shapes as shapes

__all__: list[str] = []

# The modules that fill the table.
_ROWS = (layers, reductions, rows, shapes)
