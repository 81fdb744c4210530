-- What a hosted project has before its first migration: roles may use `public`, and tables made there are granted to all.
grant usage on schema public to anon, authenticated, service_role;
grant all on schema public to postgres;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
-- PostgREST asks for the names of all time zones whenever it loads the schema; the view reads a file for each of 1,200.
set allow_system_table_mods = on;
create or replace view pg_catalog.pg_timezone_names as
select 'UTC'::text as name, 'UTC'::text as abbrev, interval '0' as utc_offset, false as is_dst;
reset allow_system_table_mods;
