"""What a wrong gradient is wrong by, in words, and the smallest numbers that show it."""

from derive.checking.diagnosis.diagnose import UNEXPLAINED, diagnose
from derive.checking.diagnosis.shrink import shrunk

__all__ = ["UNEXPLAINED", "diagnose", "shrunk"]
