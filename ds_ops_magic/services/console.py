"""Links to the console, for the resources whose address is documented, and for jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DATASPHERE = "https://datasphere.yandex.cloud/communities"
# The addresses that DataSphere's documentation and its command line give; the fields they are made of, by type.
_LINKS = {
    "yandex.cloud.datasphere.v2.Community": (f"{_DATASPHERE}/{{id}}", ("id",)),
    "yandex.cloud.datasphere.v2.Project": (f"{_DATASPHERE}/{{community_id}}/projects/{{id}}", ("community_id", "id")),
}


def console_link(resource: Message) -> str | None:
    """Return the address of a resource in the console; None where none is documented, or an id is malformed."""
    template, fields = _LINKS.get(resource.DESCRIPTOR.full_name, ("", ()))
    ids = {field: str(getattr(resource, field)) for field in fields}
    # Ids come from a server: one that could change the address gives no link.
    if not ids or not all(_ID.fullmatch(value) for value in ids.values()):
        return None
    return template.format(**ids)


def project_link(console: str, community_id: str, project_id: str) -> str | None:
    """Return the address of a project in the console at a host; None where an id is malformed."""
    if not (_ID.fullmatch(community_id) and _ID.fullmatch(project_id)):
        return None
    return f"https://{console}/communities/{community_id}/projects/{project_id}"


def job_link(project: str, job_id: str) -> str | None:
    """Return the address of a job, by its project's; as DataSphere's own command line writes it."""
    return f"{project}/job/{job_id}" if project and _ID.fullmatch(job_id) else None
