"""Checks of handwritten gradients."""

from derive.checking.check import check
from derive.checking.report import CheckFailed, Report

__all__ = ["CheckFailed", "Report", "check"]
