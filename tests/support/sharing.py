"""How the workers of ``pytest -n`` share the suite."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_LABS_OF_THEIR_OWN = "tests/browser/test_front_ends.py"


class Sharing(LoadScopeScheduling):
    """No file in two workers, and in one all that share a JupyterLab and its page.

    Said here by the paths of the tests, and not by ``xdist_group``: pytest 9.2 has made the name private that
    pytest-xdist 3.8 writes groups to, and then silently mixes everything.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        shares_a_lab = path.startswith("tests/browser/") and path != _LABS_OF_THEIR_OWN
        return "browser" if shares_a_lab else path
