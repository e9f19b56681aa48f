"""The result as one page for a browser: self-contained, and readable without scripts."""

from profile_smoke.report.html.page import render

__all__ = ["render"]
