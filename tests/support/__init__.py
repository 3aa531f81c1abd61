"""What tests of several folders share: servers to talk to, kernels, pages, and ways to wait."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
"""What to have on the path in a process of its own that imports these."""
