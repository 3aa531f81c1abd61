"""What is public names the package alone, wherever it is defined: in pickles, in tracebacks, and in help()."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import SupportsIndex

_PACKAGE = __name__.partition(".")[0]


def set_home(package: str, *found: Any) -> None:
    """Have functions and classes, with their methods, name a package as the place where they are defined."""
    for one in found:
        one.__module__ = package
        if isinstance(one, type):
            set_home(package, *(value for value in vars(one).values() if isinstance(value, FunctionType)))


def restore(name: str, *arguments: Any, **keywords: Any) -> Any:
    """Make an object again from its pickle.

    Args:
        name: A class of this package, or one of its class methods, for example ``Operation.from_bytes``.
        *arguments: What it is called with.
        **keywords: What it is called with.
    """
    kind, _, method = name.partition(".")
    make = sys.modules[_PACKAGE].find(kind)
    return (getattr(make, method) if method else make)(*arguments, **keywords)


set_home(_PACKAGE, restore)


class PickledByName:
    """A class whose objects `restore` makes again, and pickle gives their state; one of a user's own is left alone."""

    @classmethod
    def _empty(cls) -> Any:
        return cls.__new__(cls)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        kind = type(self)
        reduced = super().__reduce_ex__(max(2, int(protocol)))
        # Else it has a `__reduce__` of its own.
        is_default = isinstance(reduced, tuple) and reduced[1] == (kind,)
        if not is_default or sys.modules[_PACKAGE].find(kind.__name__) is not kind:
            return reduced
        return (restore, (f"{kind.__name__}._empty",), *reduced[2:])
