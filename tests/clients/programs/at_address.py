"""Has the package datasphere talk to an address, as all that is changed of it."""

import datasphere.channel


def at(address):
    for endpoint in ("job_endpoint", "project_endpoint", "op_endpoint"):
        assert hasattr(datasphere.channel, endpoint)
        setattr(datasphere.channel, endpoint, address)
