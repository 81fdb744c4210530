-- A smaller deployment: other names, fewer columns, no unique index, a narrower list of sources, `updated_at` untended.
create table organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  website text
);

create table vehicles (
  id uuid primary key default gen_random_uuid(),
  year integer,
  make text,
  model text,
  origin_metadata jsonb,
  origin_organization_id uuid references organizations (id),
  updated_at timestamptz default now()
);

create table vehicle_images (
  id uuid primary key default gen_random_uuid(),
  vehicle_id uuid not null references vehicles (id) on delete cascade,
  image_url text not null,
  source text check (source in ('organization_import', 'bat_import')),
  position integer
);
