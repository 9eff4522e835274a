"""Real pictures that need no download: the handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from derive.data.dataset import Dataset, from_arrays
from derive.data.extras import extra

__all__ = ["digits"]


def digits(seed: int = 0, *, bias: bool = True, dtype: DTypeLike = np.float32) -> Dataset:
    """1,797 handwritten digits of 8 × 8 pixels, 0 … 16, shuffled by `seed`: 1,257 to train, 270 to validate, 270 to test.

    Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI, 1998; scikit-learn's `load_digits`.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    bunch = extra("sklearn.datasets", "the digits").load_digits()
    names = [str(name) for name in bunch.target_names]
    return from_arrays(bunch.data, bunch.target, labels=names, image_shape=(8, 8), name="digits", seed=seed, bias=bias, dtype=dtype)
