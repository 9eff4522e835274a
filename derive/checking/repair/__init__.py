"""The repair of a wrong gradient: small edits of the user's text, tried by numbers."""

from derive.checking.repair.search import Repair, repair

__all__ = ["Repair", "repair"]
