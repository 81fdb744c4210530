-- The least that can be worked with.
create table vehicles (id uuid primary key default gen_random_uuid(), origin_metadata jsonb);
create table vehicle_images (vehicle_id uuid references vehicles (id), image_url text not null);
