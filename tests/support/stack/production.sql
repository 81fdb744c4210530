-- The production shape.
create table businesses (
  id uuid primary key default gen_random_uuid(),
  business_name text not null,
  website text,
  business_type text,
  is_public boolean default true,
  city text,
  state text,
  country text,
  created_at timestamptz not null default now()
);

create table import_queue (
  id uuid primary key default gen_random_uuid(),
  listing_url text not null unique,
  source_id uuid,
  listing_title text,
  listing_price numeric,
  listing_year integer,
  listing_make text,
  listing_model text,
  thumbnail_url text,
  raw_data jsonb default '{}',
  status text not null default 'pending' check (status in (
    'pending', 'processing', 'complete', 'failed', 'skipped', 'duplicate', 'pending_review', 'pending_strategy'
  )),
  priority integer default 0,
  attempts integer not null default 0,
  max_attempts integer not null default 3,
  vehicle_id uuid,
  error_message text,
  failure_category text,
  locked_at timestamptz,
  locked_by text,
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  processed_at timestamptz,
  created_at timestamptz not null default now()
);

create table vehicles (
  id uuid primary key default gen_random_uuid(),
  year integer,
  make text,
  model text,
  trim text,
  vin text,
  mileage integer,
  asking_price numeric,
  is_public boolean default true,
  status text default 'pending',
  origin_metadata jsonb default '{}',
  origin_organization_id uuid references businesses (id) on delete set null,
  import_queue_id uuid references import_queue (id) on delete set null,
  discovery_url text,
  listing_url text,
  listing_source text,
  listing_title text,
  primary_image_url text,
  image_url text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

alter table import_queue add foreign key (vehicle_id) references vehicles (id) on delete set null;

create function touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end $$;

create trigger vehicles_updated_at before update on vehicles for each row execute function touch_updated_at();

create table organization_vehicles (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references businesses (id) on delete cascade,
  vehicle_id uuid not null references vehicles (id) on delete cascade,
  relationship_type text not null,
  status text default 'active',
  created_at timestamptz not null default now(),
  unique (organization_id, vehicle_id, relationship_type)
);

create table vehicle_images (
  id uuid primary key default gen_random_uuid(),
  vehicle_id uuid references vehicles (id) on delete cascade,
  user_id uuid,
  image_url text not null,
  storage_path text,
  file_hash text,
  file_size bigint,
  mime_type text,
  filename text,
  source text,
  source_url text,
  position integer,
  is_primary boolean default false,
  is_external boolean default false,
  taken_at timestamptz,
  exif_data jsonb,
  variants jsonb default '{}',
  created_at timestamptz not null default now(),
  constraint vehicle_images_attribution check (
    user_id is not null
    or coalesce(source in ('bat_import', 'external_import', 'organization_import'), false)
  )
);

create index vehicle_images_vehicle_id on vehicle_images (vehicle_id);
create unique index vehicle_images_one_hash on vehicle_images (vehicle_id, file_hash) where file_hash is not null;
create unique index vehicle_images_one_primary on vehicle_images (vehicle_id) where is_primary;

revoke delete on vehicle_images from service_role;

alter table businesses enable row level security;
alter table import_queue enable row level security;
alter table vehicles enable row level security;
alter table organization_vehicles enable row level security;
alter table vehicle_images enable row level security;

create policy "public businesses" on businesses for select using (is_public);
create policy "public vehicles" on vehicles for select using (is_public);
create policy "images of public vehicles" on vehicle_images for select
  using (exists (select from vehicles where vehicles.id = vehicle_id and vehicles.is_public));
