"""Finds the class of a message by its full name, and imports the one module that defines it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

# Longer than any installed name, and shorter than what a file system refuses as a path.
_MAX_NAME = 200
_FULL_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
# protoc writes the place of every message of a file at its end; the name there is in capitals.
_DEFINED = re.compile(rb"_([A-Z0-9_]+)(?:['\"]\])?\._serialized_start")
_STUB = "_pb2.py"
_ROOTS = ("yandex.cloud", "google.rpc", "google.protobuf", "google.type")


def find_type(full_name: str) -> type[Message] | None:
    """Find the class of a message (``google.rpc.ErrorInfo``), importing the module that defines it when needed.

    Types come from the installed stubs of ``yandexcloud`` and ``googleapis-common-protos``, and from whatever else has
    registered them in this process: of two packages with the same types, the one that was imported first. None when
    no installed module defines it, or the one that does cannot be imported.
    """
    # The registry reads a name up to its first NUL only, so that it must not be asked about just anything.
    if len(full_name) > _MAX_NAME or not _FULL_NAME.fullmatch(full_name):
        return None
    return _registered(full_name) or (_registered(full_name) if _import_definition(full_name) else None)


def _registered(full_name: str) -> type[Message] | None:
    try:
        found = descriptor_pool.Default().FindMessageTypeByName(full_name)
    except KeyError:
        return None
    return message_factory.GetMessageClass(found)


@functools.lru_cache(maxsize=4096)  # a type that is not installed is looked for once, not for each of 10,000 operations
def _import_definition(full_name: str) -> bool:
    """Import the modules that may define a type, the most likely first, until one does."""
    with contextlib.suppress(OSError):  # stubs that are being upgraded while this runs
        for module in _modules_that_may_define(full_name):
            # A stub may clash with another package's of the same names, or be newer than the protobuf that runs here.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
            if _registered(full_name):
                return True
    return False


def _modules_that_may_define(full_name: str) -> Iterator[str]:
    """Yield the modules that define a message of this name, those in folders that match its package first.

    The package is the folder for nearly all of ``yandexcloud``; for the few others (``speechkit.*``, some of
    ``clouddesktop`` and ``foundation_models``) the folder is near. What is not is looked for in all folders, which
    are read once.
    """
    package, _, name = full_name.rpartition(".")
    while package.rpartition(".")[2][:1].isupper():  # a message inside a message
        package, _, outer = package.rpartition(".")
        name = f"{outer}_{name}"
    root = next((root for root in _ROOTS if f"{package}.".startswith(f"{root}.")), "yandex.cloud")
    top = _folder(root)
    if top is None:
        return
    wanted = name.upper().encode()
    for folder in _folders_near(top, package.removeprefix(root).lstrip(".").split(".")):
        for path in _likely_first(folder, name):
            if wanted in _names_in(path):
                yield _module(top, root, path)
    if root == "yandex.cloud":
        for path in _everywhere(top).get(wanted, ()):
            yield _module(top, root, path)


# Paths are plain text here: to build and take apart a Path costs more than to look into a file.


def _folders_near(top: str, inside: list[str]) -> Iterator[str]:
    """Yield the folders that a package may be in: its own, its parents, its children, one of the same ending."""
    own = os.path.join(top, *inside)
    for length in range(len(inside), 0, -1):
        yield os.path.join(top, *inside[:length])
    if inside != [""]:
        yield from _folders_in(own)
    if len(inside) > 1:
        yield from _folders_in(top, *inside[-2:])  # speechkit.stt.v3 is in ai/stt/v3


def _folders_in(folder: str, *below: str) -> Iterator[str]:
    for name in _listed(folder):
        found = os.path.join(folder, name, *below)
        if os.path.isdir(found):
            yield found


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _likely_first(folder: str, name: str) -> list[str]:
    """List the stubs of a folder, first those that are named after what the message is about.

    ``CreateDiskMetadata`` is in ``disk_service_pb2.py``: mostly one file of a folder has to be read.
    """
    lowered = name.lower()

    def rank(file: str) -> tuple[bool, int, bool]:
        about = file.removesuffix(_STUB).removesuffix("_service").replace("_", "")
        return (about not in lowered, -len(about), not file.endswith(f"_service{_STUB}"))

    stubs = [file for file in _listed(folder) if file.endswith(_STUB)]
    return [os.path.join(folder, file) for file in sorted(stubs, key=rank)]


@functools.cache
def _names_in(path: str) -> frozenset[bytes]:
    """Return the names of the messages that a stub defines, in capitals, without importing it."""
    with open(path, "rb") as file:
        source = file.read()
    # What comes before is the long text of the descriptor, with no such names.
    first = max(0, source.find(b"._serialized_start") - 2 * _MAX_NAME)
    return frozenset(_DEFINED.findall(source, first))


@functools.cache
def _everywhere(top: str) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for folder, _, files in sorted(os.walk(top)):
        for file in sorted(files):
            if file.endswith(_STUB):
                path = os.path.join(folder, file)
                for name in _names_in(path):
                    found.setdefault(name, []).append(path)
    return found


def _module(top: str, root: str, path: str) -> str:
    return root + path[len(top) : -len(".py")].replace(os.sep, ".")


@functools.cache
def _folder(package: str) -> str | None:
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        return None
    return next(iter(getattr(module, "__path__", ())), None)
