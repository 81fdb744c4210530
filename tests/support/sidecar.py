"""Projects with our SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.stack import Project
from tui.stores.schema import drop_script, install_script


@contextmanager
def our_sql(project: Project) -> Iterator[Project]:
    """The project with our SQL for as long as the block lasts; PostgREST knows it, and knows when it is gone."""
    install_our_sql(project)
    try:
        yield project
    finally:
        project.gateway.reset()
        forget_our_sql(project)


def install_our_sql(project: Project) -> None:
    """Install our SQL; PostgREST knows it, and a load that began while it was being taken away is over."""
    project.psql(install_script())
    project.reload_schema()
    _wait_for(project, 200)


def forget_our_sql(project: Project) -> None:
    """Take our SQL away; PostgREST knows it, so that whoever comes next is not told of it."""
    project.psql(drop_script())
    _wait_for(project, 404)


def _wait_for(project: Project, status: int) -> None:
    """Scripts tell PostgREST to load the schema again, so a load that ends need not be the last one under way."""
    headers = {"apikey": project.service_key, "Authorization": f"Bearer {project.service_key}"}
    url = f"{project.url}/rest/v1/rpc/image_backfill_version"
    for _ in range(20):
        said = httpx.post(url, json={}, headers=headers).status_code
        if said == status:
            project.gateway.log.clear()
            return
        project.reload_schema()
    raise AssertionError(f"PostgREST answers {said} instead of {status}")
