"""What is found out about a project's tables, on three real ones and on odd ones."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.support.stack import Answer, Project, Stack
from tests.support.wire import connected
from tui.model import Problem
from tui.stores.schema import install_script
from tui.stores.supabase.shape import Shape, Table, admitted_source, discover

ROOT = r"GET /rest/v1/$"
CLOSED = Answer(404, {"code": "PGRST126", "message": "Root endpoint metadata is disabled"})

ODD = """
create table organizations (id uuid primary key, name text);
create table businesses (id uuid primary key, business_name text);
create table dealers (id uuid primary key, title text);
create table vehicles (id uuid primary key, origin_metadata jsonb);
create table organization_vehicles (organization_id uuid references businesses, vehicle_id uuid references vehicles);
create type kind_of_source as enum ('user_upload', 'bat_import');
create table vehicle_images (vehicle_id uuid, image_url text, source kind_of_source);
create function image_backfill_version() returns integer language sql as 'select 1';
"""

TWO = """
create table organizations (id uuid primary key, name text);
create table businesses (id uuid primary key, business_name text);
create table vehicles (
  id uuid primary key, origin_metadata jsonb, origin_organization_id uuid references businesses, updated_at timestamptz
);
create table vehicle_images (vehicle_id uuid references vehicles, image_url text);
"""

CLOSED_DOOR = """
create table vehicles (id uuid primary key, origin_metadata jsonb);
create table vehicle_images (
  vehicle_id uuid references vehicles, image_url varchar(200) not null,
  source varchar(10) constraint only_uploads check (source = 'upload')
);
"""

LOOSE = """
create table vehicles (id uuid primary key, origin_metadata jsonb);
create table vehicle_images (vehicle_id uuid, image_url text, source text);
"""

FULL = """
create table vehicles (id uuid primary key, origin_metadata jsonb);
create table vehicle_images (vehicle_id uuid, image_url text, source text, user_id uuid not null);
"""

ENUMERATED = """
create table vehicles (id uuid primary key default gen_random_uuid(), origin_metadata jsonb);
create type kind_of_source as enum ('user_upload', 'bat_import');
create table vehicle_images (vehicle_id uuid, image_url text, source kind_of_source);
"""

EMPTY = "create table vehicles (id uuid primary key, make text);"


@pytest.fixture
def odd(stack: Stack) -> Project:
    project = stack.project("odd", ODD)
    project.gateway.reset()
    return project


@pytest.fixture
def make(stack: Stack) -> Iterator[Callable[[str], Project]]:
    """Makes projects that end with the test."""
    made: list[Project] = []

    def one(schema: str) -> Project:
        made.append(stack.project(f"made_{uuid.uuid4().hex}", schema))
        return made[-1]

    yield one
    for project in made:
        stack.drop(project)


async def shape_of(project: Project, organizations_table: str = "", *, listed: bool = True) -> Shape:
    if not listed:
        project.gateway.fault(ROOT, CLOSED, times=None)
    async with connected(project) as connection:
        return await discover(connection, organizations_table)


async def source_of(project: Project) -> str:
    async with connected(project) as connection:
        try:
            return await admitted_source(connection, await discover(connection))
        finally:
            assert project.value("select count(*) from vehicle_images") == 0


@pytest.mark.parametrize("listed", [True, False])
async def test_the_production_shape_is_found(production: Project, listed: bool) -> None:
    shape = await shape_of(production, listed=listed)
    assert shape.organizations.name == "businesses"
    assert shape.organization_name == "business_name"
    assert shape.vehicles.has("origin_metadata", "vin", "primary_image_url", "updated_at")
    assert shape.images.has("file_hash", "is_primary", "source_url", "taken_at")
    assert shape.links.has("relationship_type")
    assert shape.queue.has("next_attempt_at")
    assert not shape.installed


@pytest.mark.parametrize("listed", [True, False])
async def test_a_lean_shape_is_found(lean: Project, listed: bool) -> None:
    shape = await shape_of(lean, listed=listed)
    assert shape == Shape(
        vehicles=Table(
            "vehicles",
            frozenset({"id", "year", "make", "model", "origin_metadata", "origin_organization_id", "updated_at"}),
        ),
        images=Table("vehicle_images", frozenset({"id", "vehicle_id", "image_url", "source", "position"})),
        links=Table("organization_vehicles"),
        queue=Table("import_queue"),
        organizations=Table("organizations", frozenset({"id", "name", "website"})),
        organization_name="name",
        installed=False,
    )
    assert not shape.links
    assert shape.vehicles


@pytest.mark.parametrize("listed", [True, False])
async def test_the_barest_shape_is_found(bare: Project, listed: bool) -> None:
    shape = await shape_of(bare, listed=listed)
    assert shape.images == Table("vehicle_images", frozenset({"vehicle_id", "image_url"}))
    assert (shape.organizations, shape.organization_name) == (Table(""), "")


async def test_one_request_is_enough_where_the_project_lists_its_tables(production: Project) -> None:
    await shape_of(production)
    assert [logged.path for logged in production.gateway.log] == ["/rest/v1/"]


@pytest.mark.parametrize("listed", [True, False])
async def test_of_two_tables_of_organizations_the_linked_one_counts(odd: Project, listed: bool) -> None:
    shape = await shape_of(odd, listed=listed)
    assert (shape.organizations.name, shape.organization_name) == ("businesses", "business_name")
    assert shape.installed
    named = await shape_of(odd, "dealers", listed=listed)
    assert (named.organizations.name, named.organization_name) == ("dealers", "title")


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("twice", [False, True])
async def test_of_two_tables_of_organizations_vehicles_may_tell_alone(
    make: Callable[[str], Project], listed: bool, twice: bool
) -> None:
    project = make(TWO)
    if twice:
        project.sql("alter table vehicles add bought_from uuid references businesses")
        project.reload_schema()
    shape = await shape_of(project, listed=listed)
    assert shape.organizations.name == "businesses"
    project.psql(install_script())
    assert project.value("select organizations from image_backfill_about") == "businesses"


@pytest.mark.parametrize("listed", [True, False])
async def test_our_sql_knows_the_table_of_organizations(make: Callable[[str], Project], listed: bool) -> None:
    project = make(TWO)
    project.sql("create table dealers (id uuid primary key, title text)")
    project.psql(install_script("dealers"))
    for _ in range(2):  # the first to end may have begun before
        project.reload_schema()
    shape = await shape_of(project, listed=listed)
    assert (shape.installed, shape.organizations.name, shape.organization_name) == (True, "dealers", "title")
    named = await shape_of(project, "organizations", listed=listed)
    assert named.organizations.name == "organizations"


@pytest.mark.parametrize("listed", [True, False])
async def test_a_table_of_organizations_that_is_not_there_is_told(odd: Project, listed: bool) -> None:
    with pytest.raises(Problem, match="has no table shops with a column id: set organizations_table"):
        await shape_of(odd, "shops", listed=listed)
    with pytest.raises(Problem, match="is no name of a table"):
        await shape_of(odd, "shops?select=x", listed=listed)


@pytest.mark.parametrize("listed", [True, False])
async def test_what_cannot_be_done_without_is_told(make: Callable[[str], Project], listed: bool) -> None:
    project = make(EMPTY)
    with pytest.raises(Problem, match=r"lacks a column of the table vehicles \(column vehicles.origin_metadata does"):
        await shape_of(project, listed=listed)
    project.sql("alter table vehicles add origin_metadata jsonb")
    project.reload_schema()
    with pytest.raises(Problem, match="does not have the table vehicle_images"):
        await shape_of(project, listed=listed)


async def test_tables_kept_from_the_key_are_told_from_missing_ones(lean: Project) -> None:
    lean.sql("revoke all on vehicles from service_role")
    try:
        with pytest.raises(Problem, match="keeps this key from the table vehicles"):
            await shape_of(lean)
    finally:
        lean.sql("grant all on vehicles to service_role")


async def test_somebody_else_at_the_address_is_told(production: Project) -> None:
    production.gateway.fault("", Answer(200, "<title>Welcome to nginx!</title>"), times=None)
    with pytest.raises(Problem, match=r'answers the page "Welcome to nginx!" \(HTTP 200\), not as Supabase does'):
        await shape_of(production)


async def test_the_source_that_the_check_admits_is_found(production: Project, lean: Project, bare: Project) -> None:
    assert await source_of(production) == "external_import"
    assert await source_of(lean) == "organization_import"
    assert await source_of(bare) == "external_import"  # there is no such column


async def test_the_source_is_found_where_nothing_else_would_stop_a_row(
    make: Callable[[str], Project], odd: Project
) -> None:
    assert await source_of(odd) == "bat_import"
    assert await source_of(make(LOOSE)) == "external_import"


async def test_a_table_that_admits_no_import_is_told(make: Callable[[str], Project]) -> None:
    with pytest.raises(Problem, match=r"admits none of the sources external_import, organization_import, bat_import"):
        await source_of(make(CLOSED_DOOR))
    with pytest.raises(Problem, match=r'null value in column "user_id"'):
        await source_of(make(FULL))


async def test_read_only_tries_no_source(lean: Project) -> None:
    async with connected(lean, read_only=True) as connection:
        assert await admitted_source(connection, await discover(connection)) == "external_import"
    assert not lean.gateway.requests("POST")


async def test_read_only_the_source_is_that_of_the_images_which_a_backfill_wrote(
    lean: Project, make: Callable[[str], Project]
) -> None:
    for project, source in ((lean, "bat_import"), (lean, "organization_import"), (make(ENUMERATED), "bat_import")):
        key = project.value("insert into vehicles (origin_metadata) values ('{}') returning id")
        for address in (f"{project.url}/{key}/{source}/{source}_5f.jpg", "https://a.example/by-somebody-else.jpg"):
            other = "bat_import" if "else" in address else source
            row = [key, address, other]
            project.sql("insert into vehicle_images (vehicle_id, image_url, source) values (%s, %s, %s)", row)
        async with connected(project, read_only=True) as connection:
            assert await admitted_source(connection, await discover(connection)) == source


async def test_a_passing_fault_does_not_hide_a_table(lean: Project) -> None:
    lean.gateway.fault("vehicle_images", Answer(503), times=3)
    lean.gateway.fault(ROOT, Answer(503))
    assert await shape_of(lean, listed=False) == await shape_of(lean)
