"""``%op`` and ``%%op``: what `load` adds to a shell, and `unload` takes back."""

from __future__ import annotations

import re
from typing import Any

from ds_ops_magic.magics import formatters
from ds_ops_magic.magics.op_magic import OpMagics

_HOOK_KEYS = ("%op", "%%op")
_ASSIGNED = re.compile(r"[^=%]+=\s*%op\s")  # result = %op ...


def load(shell: Any) -> None:
    """Register the magics, their completion and the display of results, in place of any that are loaded already."""
    unload(shell)
    magics = OpMagics(shell)
    shell.register_magics(magics)
    for key in _HOOK_KEYS:
        shell.set_hook("complete_command", magics.complete, str_key=key)
    shell.set_hook("complete_command", magics.complete, re_key=_ASSIGNED)
    shell.events.register("pre_run_cell", magics.forget_displayed)
    formatters.register(shell, magics.was_displayed, magics.show_live)


def unload(shell: Any) -> None:
    """Take back all that `load` registered, and close what the magics opened."""
    manager = shell.magics_manager
    magics = manager.registry.pop(OpMagics.__name__, None)
    if magics is None:
        return
    for kind in ("line", "cell"):
        manager.magics[kind].pop("op", None)
    for key in _HOOK_KEYS:
        shell.strdispatchers["complete_command"].strs.pop(key, None)
    shell.strdispatchers["complete_command"].regexs.pop(_ASSIGNED, None)
    shell.events.unregister("pre_run_cell", magics.forget_displayed)
    formatters.unregister(shell)
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    magics.close()
