"""How the workers of ``pytest -n`` share the suite."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class Sharing(LoadScopeScheduling):
    """One browser, in one worker, and no file in two.

    Said here by the paths of the tests, and not by ``xdist_group``: pytest 9.2 has made the name private that
    pytest-xdist 3.8 writes groups to, and then silently mixes everything.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return "browser" if path.startswith("tests/browser/") else path
