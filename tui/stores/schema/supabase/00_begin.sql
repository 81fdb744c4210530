-- backfill-tui: a sidecar for trickling the photos of vehicle listings into this project.
--
-- Run it as the owner of the project's tables (the SQL editor does). It may be run again at any time: it then brings an
-- older version up to date and follows columns that were added meanwhile. It adds tables, views and functions named
-- image_backfill_* to the schema public, and indexes to vehicles and vehicle_images; only the service role may use them.
-- No row of the project's own tables is changed, no trigger is put on them. `backfill-tui schema --drop` prints what
-- removes all of it.

BEGIN;

SET LOCAL statement_timeout = 0;
SET LOCAL check_function_bodies = off;
SET LOCAL client_min_messages = warning;
SET LOCAL image_backfill.organizations_table = ''; -- setting: organizations_table
-- include: known.sql

-- Older versions of the functions and views may have another shape. What others built on them is not dropped with them,
-- but stops this.
DO $$
DECLARE
  mark CONSTANT text := current_setting('image_backfill.mark');
  names CONSTANT text[] := string_to_array(current_setting('image_backfill.names'), ',');
  old text;
  strange text;
BEGIN
  SELECT string_agg(c.oid::regclass::text, ', ') INTO old FROM pg_catalog.pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') = mark;
  IF old IS NOT NULL THEN
    EXECUTE 'DROP VIEW ' || old;
  END IF;
  SELECT string_agg(p.oid::regprocedure::text, ', ') INTO old FROM pg_catalog.pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype AND obj_description(p.oid, 'pg_proc') = mark;
  IF old IS NOT NULL THEN
    EXECUTE 'DROP FUNCTION ' || old;
  END IF;

  SELECT string_agg(DISTINCT found.name, ', ') INTO strange FROM (
    SELECT c.oid::regclass::text AS name FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (names) AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM mark
    UNION ALL
    SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (names) AND obj_description(p.oid, 'pg_proc') IS DISTINCT FROM mark) found;
  IF strange IS NOT NULL THEN
    RAISE EXCEPTION '% is there and was not made by backfill-tui: rename it, nothing was installed', strange;
  END IF;
END $$;
