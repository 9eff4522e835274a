"""The report of the main job: one HTML page that opens offline, with the formulas as MathML and the pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path

from derive.app.commands import check_status
from derive.app.findings import Agreement, Findings
from derive.app.proofs import kind_of, proof_html, verdict_words
from derive.app.training import rows
from derive.checking import Report
from derive.errors import BadInput
from derive.losses import Claim
from derive.matrix_of import matrix_mathml
from derive.proof import Proof
from derive.render.highlight import python_html

__all__ = ["page"]
