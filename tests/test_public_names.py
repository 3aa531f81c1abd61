"""The public names: each is there, and nothing that a user sees or stores tells where it is defined."""

from __future__ import annotations

import copy
import inspect
import pickle
import pickletools
import pkgutil
import pydoc
import re
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

import ds_ops_magic
from ds_ops_magic import local
from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import credentials
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connection.yandex import YandexConnection
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.local.connection import LocalConnection
from ds_ops_magic.model import view
from ds_ops_magic.model.estimates import Durations
from tests.support.messages import error, job_response, operation, packed
from tests.support.sample_errors import every_error

PACKAGES = pytest.mark.parametrize("package", [ds_ops_magic, local])
PUBLIC_MODULES = {"ds_ops_magic", "ds_ops_magic.local"}
FAILED = operation(done=True, error=error(8, "no quota", ErrorInfo(reason="R")))
OPERATION_ERROR = FAILED.error
VALUES = [
    FAILED,
    ds_ops_magic.Operations([FAILED, None]),
    OPERATION_ERROR,
    FAILED.failure,
    *ds_ops_magic.Status,
    operation(done=True, response=packed(job_response(137, a="not found"))),
    ds_ops_magic.Progress(0.5, "half"),
    ds_ops_magic.UnknownPayload("x/a.B", 3),
    ds_ops_magic.LogLine(("stdout", "a line", None)),
    ds_ops_magic.Update("op1", None, FAILED),
    ds_ops_magic.Schedule(fraction=0.2),
    *ds_ops_magic.ReturnWhen,
    ds_ops_magic.connect,
    ds_ops_magic.recorder,
    ds_ops_magic.restore,
    view.View((view.Entry("op1", FAILED),), view.Health(), durations={"a": Durations((1.0,))}),
    local.Retention(days=None),
    local.shared,
    local.close_shared,
]
ERRORS = list({type(problem): problem for problem in every_error("op")}.values())
SOURCES = [
    credentials.EnvironmentToken("YC_TOKEN", is_iam=False),
    credentials.ApiKey("YC_API_KEY"),
    credentials.MetadataService(),
    credentials.CommandLine("profile"),
    credentials.KeyFile("key.json"),
]


def named_modules(pickled: bytes) -> set[str]:
    """Return the modules of this package that a pickle names."""
    texts = [str(value) for _, value, _ in pickletools.genops(pickled) if isinstance(value, str)]
    return {found for text in texts for found in re.findall(r"\bds_ops_magic(?:\.\w+)*", text)}


def repickled(value: Any) -> Any:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(value, protocol)
        assert named_modules(pickled) <= PUBLIC_MODULES
    return pickle.loads(pickled)  # noqa: S301  # our own


@PACKAGES
def test_all_is_sorted_and_complete(package: Any) -> None:
    names = package.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[:1].islower(), name))
    assert all(getattr(package, name) is getattr(package, name) for name in names)
    assert set(names) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'Listing'"):
        _ = package.Listing


@PACKAGES
def test_no_module_bears_a_public_name(package: Any) -> None:
    assert not {found.name for found in pkgutil.iter_modules(package.__path__)} & set(package.__all__)


@PACKAGES
def test_errors_and_functions_are_of_the_package(package: Any) -> None:
    for name in package.__all__:
        found = getattr(package, name)
        if inspect.isfunction(found) or (inspect.isclass(found) and issubclass(found, BaseException)):
            expected = "ds_ops_magic" if name in ds_ops_magic.__all__ else package.__name__
            assert (found.__module__, found.__qualname__) == (expected, name)


@PACKAGES
def test_public_names_and_their_methods_have_docstrings(package: Any) -> None:
    for name in package.__all__:
        found = getattr(package, name)
        if inspect.isfunction(found) or inspect.isclass(found):
            assert found.__doc__, name
        methods = vars(found).items() if inspect.isclass(found) else ()
        for method, value in methods:
            is_method = isinstance(value, (property, classmethod)) or inspect.isfunction(value)
            if is_method and not method.startswith("_"):
                assert value.__doc__, f"{name}.{method}"


def test_what_is_found_by_name_is_defined_there() -> None:
    for names in ds_ops_magic._HOMES.values():
        for name in names:
            found = ds_ops_magic.find(name)
            assert found is not None
            if inspect.isclass(found):
                assert (found.__module__, found.__name__) == (ds_ops_magic.home_of(name), name)
    assert ds_ops_magic.find("Nothing") is None


@pytest.mark.parametrize("value", VALUES, ids=lambda value: getattr(value, "__name__", type(value).__name__))
def test_pickles_name_the_package_alone(value: Any) -> None:
    assert repickled(value) == value
    assert type(copy.deepcopy(value)) is type(copy.copy(value)) is type(value)


@pytest.mark.parametrize("problem", ERRORS, ids=lambda problem: type(problem).__name__)
def test_pickles_and_copies_of_errors(problem: BaseException) -> None:
    for again in (copy.copy(problem), repickled(problem)):
        assert (type(again), again.args, str(again)) == (type(problem), problem.args, str(problem))
        assert vars(again).keys() == vars(problem).keys()
        for name in vars(problem).keys() - {"errors"}:
            assert getattr(again, name) == getattr(problem, name)
        assert repr(getattr(again, "errors", None)) == repr(getattr(problem, "errors", None))
    assert repickled(type(problem)) is type(problem)


def clients(tmp_path: Path) -> Iterator[OperationClient]:
    history = ds_ops_magic.History(tmp_path / "history.sqlite")
    yield OperationClient(EndpointConnection("localhost:1"), history=history, schedule=ds_ops_magic.Schedule())
    yield OperationClient(LocalConnection(), rate=5)
    for source in SOURCES:
        cloud = Cloud("localhost:1")
        cloud._endpoints = {"operation": "localhost:1"}
        yield OperationClient(YandexConnection(cloud, source, Token("t1.of-a-user"), time.time))


def test_pickles_of_clients(tmp_path: Path) -> None:
    for client in clients(tmp_path):
        again = repickled(client)
        assert repr(again) == repr(client)
        assert vars(again.connection).keys() >= vars(client.connection).keys()


def test_pickles_of_what_a_job_holds(tmp_path: Path) -> None:
    again = repickled(local.Reporter(tmp_path / "local.sqlite", "op1"))
    assert (again.path, again.operation_id) == (tmp_path / "local.sqlite", "op1")
    assert repickled(local.JobCancelled("stop")).args == ("stop",)
    assert type(repickled(ds_ops_magic.recorder())) is type(ds_ops_magic.recorder())


class OwnSchedule(ds_ops_magic.Schedule): ...


class OwnFailure(ds_ops_magic.OperationsError): ...


@pytest.mark.parametrize("value", [OwnSchedule(fraction=0.5), OwnFailure("a")])
def test_a_class_of_a_user_is_pickled_as_that(value: Any) -> None:
    again = pickle.loads(pickle.dumps(value))  # noqa: S301  # our own
    assert (type(again), vars(again)) == (type(value), vars(value))


@pytest.mark.parametrize("problem", ERRORS, ids=lambda problem: type(problem).__name__)
def test_help_and_tracebacks_of_errors(problem: BaseException) -> None:
    last = traceback.format_exception_only(problem)[0]
    help_text = pydoc.plain(pydoc.render_doc(type(problem)))
    assert last.startswith(f"ds_ops_magic.{type(problem).__name__}: ")
    for text in (last, help_text):
        assert not re.search(r"\bds_ops_magic\.(?:model|[a-z_]+\.)", text)
