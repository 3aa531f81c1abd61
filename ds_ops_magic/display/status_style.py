"""The symbol and the colour of each status, for panels and for the table of ``%op list``.

The style sheet (``templates/style.html.j2``) has a class for each of `CSS_COLORS`.
"""

from __future__ import annotations

from typing import NamedTuple

CSS_COLORS = {
    "dsops-run": "var(--jp-brand-color1, #1976d2)",
    "dsops-ok": "var(--jp-success-color1, #2e7d32)",
    "dsops-bad": "var(--jp-error-color1, #c62828)",
    "dsops-warn": "var(--jp-warn-color1, #b26a00)",
    "dsops-off": "var(--jp-ui-font-color2, #666)",
}
"""Colour by CSS class: the front end's own, or one to use outside of JupyterLab."""


class StatusStyle(NamedTuple):
    """How a status looks; the symbol stands beside the word, so that nothing is said by colour alone.

    Attributes:
        symbol: One character.
        css_class: A key of `CSS_COLORS`.
    """

    symbol: str
    css_class: str


STATUS_STYLES = {
    "asking": StatusStyle("●", "dsops-run"),  # not answered yet
    "running": StatusStyle("●", "dsops-run"),
    "failing": StatusStyle("▲", "dsops-warn"),
    "cancelling": StatusStyle("▲", "dsops-warn"),
    "succeeded": StatusStyle("✓", "dsops-ok"),
    "failed": StatusStyle("✕", "dsops-bad"),
    "cancelled": StatusStyle("–", "dsops-off"),
    "unknown": StatusStyle("?", "dsops-bad"),  # the wait for it ended with an error, or it was never seen
}
"""Style by status: those of `ds_ops_magic.Operation.status_word`, and two more."""
