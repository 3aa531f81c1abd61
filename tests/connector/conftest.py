"""The cloud on loopback and the environment without credentials that the tests of `connection` have."""

from tests.connection.conftest import authority, cloud, connected, environment, key, machine, metadata, program, yc  # noqa: F401
