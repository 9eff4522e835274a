"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# In continuous integration the examples are the same in every run, so that a failure is about the change that was made.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")
