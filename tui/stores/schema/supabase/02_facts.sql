-- What the project's own tables say, whatever columns they have: everything below reads these views and writes through
-- these functions, which are made of the columns that are there now.

-- The URLs of a gallery. A string may hold one URL, or a list that was encoded twice.
CREATE FUNCTION public.image_backfill_urls(gallery jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  content jsonb;
BEGIN
  IF jsonb_typeof(gallery) = 'array' THEN
    RETURN gallery;
  ELSIF jsonb_typeof(gallery) IS DISTINCT FROM 'string' OR btrim(gallery #>> '{}') = '' THEN
    RETURN '[]';
  END IF;
  BEGIN
    content := (gallery #>> '{}')::jsonb;
  EXCEPTION WHEN others THEN
    RETURN jsonb_build_array(gallery);
  END;
  RETURN CASE WHEN jsonb_typeof(content) = 'array' THEN content ELSE '[]' END;
END $$;

-- Changes whenever the gallery of a vehicle does.
CREATE FUNCTION public.image_backfill_digest(metadata jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT COALESCE(jsonb_hash_extended(COALESCE(NULLIF(metadata->'image_urls', 'null'::jsonb), metadata->'images'), 0), 0)
$$;

-- The time that a text tells; NULL where it tells none.
CREATE FUNCTION public.image_backfill_moment(told text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN told::timestamptz;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

DO $install$
DECLARE
  version CONSTANT integer := 3; -- image_backfill_version
  wanted CONSTANT text := current_setting('image_backfill.organizations_table');
  columns text[];
  texts text[]; -- those of them that may hold anything
  source text;
  candidate text;
  doubtful text; -- a source that something else speaks against than a rule about sources
  dealers text;

  -- The columns of vehicles and vehicle_images that rows are made of, with what stands in for a missing one.
  vehicle_text CONSTANT text[] := ARRAY['make', 'model', 'trim', 'listing_title', 'vin'];
  photo_columns CONSTANT text[] := ARRAY['storage_path', 'file_hash', 'file_size', 'mime_type', 'filename', 'source',
    'source_url', 'position', 'is_primary', 'is_external', 'taken_at', 'variants', 'created_at', 'image_url'];
  photo_types CONSTANT text[] := ARRAY['text', 'text', 'bigint', 'text', 'text', 'text',
    'text', 'integer', 'boolean', 'boolean', 'timestamptz', 'jsonb', 'timestamptz', 'text'];
  photo_names text;
  photo_values text;
  part text;
  parts text[] := '{}';
BEGIN
  SELECT array_agg(c.table_name || '.' || c.column_name ORDER BY c.table_name, c.column_name),
    array_agg(c.table_name || '.' || c.column_name) FILTER (WHERE c.data_type IN ('text', 'character varying'))
  INTO columns, texts FROM information_schema.columns c
  WHERE c.table_schema = 'public' AND c.table_name IN
    ('vehicles', 'vehicle_images', 'organization_vehicles', 'organizations', 'businesses', wanted);

  IF NOT columns @> ARRAY['vehicles.id', 'vehicles.origin_metadata', 'vehicle_images.vehicle_id', 'vehicle_images.image_url'] THEN
    RAISE EXCEPTION 'this project has no vehicles(id, origin_metadata) with vehicle_images(vehicle_id, image_url) in the schema public';
  END IF;

  -- Organizations, under whichever name; of two tables the one that vehicles refer to.
  dealers := COALESCE(NULLIF(wanted, ''), (
    SELECT t.name FROM unnest(ARRAY['organizations', 'businesses']) WITH ORDINALITY AS t (name, place) WHERE t.name || '.id' = ANY (columns)
    ORDER BY EXISTS (
      SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confrelid = to_regclass('public.' || t.name)
        AND k.conrelid IN (to_regclass('public.organization_vehicles'), 'public.vehicles'::regclass)) DESC, t.place LIMIT 1));
  IF wanted <> '' AND NOT wanted || '.id' = ANY (columns) THEN
    RAISE EXCEPTION 'this project has no table % with an id in the schema public', wanted;
  END IF;

  -- The first source that the table admits, of rows such as are written below: each is tried with an INSERT that cannot
  -- succeed, as it asks for the URL back as a date, which fails once the row has passed its rules.
  SELECT string_agg(format('%I', c), ', '), string_agg(CASE c
      WHEN 'is_primary' THEN 'false' WHEN 'is_external' THEN 'false' WHEN 'source' THEN '<source>'
      WHEN 'created_at' THEN 'now()'
      WHEN 'variants' THEN 'image->''variants'''
      ELSE format('(image->>%L)::%s', c, t) END, ', ')
  INTO photo_names, photo_values
  FROM unnest(photo_columns, photo_types) AS known (c, t) WHERE 'vehicle_images.' || c = ANY (columns);
  FOREACH candidate IN ARRAY CASE WHEN 'vehicle_images.source' = ANY (columns) THEN ARRAY['external_import', 'organization_import', 'bat_import'] ELSE '{}'::text[] END LOOP
    BEGIN
      EXECUTE format('INSERT INTO public.vehicle_images (vehicle_id, %s) SELECT gen_random_uuid(), %s FROM (SELECT $1) AS tried (image) RETURNING image_url::date',
        photo_names, replace(photo_values, '<source>', quote_literal(candidate)))
      USING jsonb_build_object('image_url', 'https://example.invalid/probe.jpg', 'source_url', 'https://example.invalid/probe.jpg',
        'storage_path', 'probe.jpg', 'filename', 'probe.jpg', 'mime_type', 'image/jpeg', 'file_size', 1, 'position', 0,
        'file_hash', repeat(md5(random()::text), 2), 'variants', '{}'::jsonb);
    EXCEPTION
      WHEN invalid_datetime_format THEN
        source := candidate;
        EXIT;
      WHEN check_violation OR invalid_text_representation OR string_data_right_truncation THEN
        CONTINUE;
      WHEN OTHERS THEN
        doubtful := COALESCE(doubtful, candidate);
    END;
  END LOOP;
  source := COALESCE(source, doubtful, 'external_import');
  photo_values := replace(photo_values, '<source>', quote_literal(source));

  INSERT INTO public.image_backfill_about AS about (version, source, columns, organizations)
  VALUES (version, source, columns, COALESCE(dealers, ''))
  ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, source = excluded.source, columns = excluded.columns,
    organizations = excluded.organizations,
    -- What follows from other columns is another thing: all of it is to be looked at again.
    synced_at = CASE WHEN (about.version, about.source, about.columns) = (excluded.version, excluded.source, excluded.columns)
      THEN about.synced_at END;

  -- Images, with every column that anything here asks for.
  FOR i IN 1 .. array_length(photo_columns, 1) LOOP
    parts := parts || format(CASE
      WHEN 'vehicle_images.' || photo_columns[i] <> ALL (columns) THEN 'NULL::%2$s AS %1$I'
      WHEN photo_types[i] = 'timestamptz' AND 'vehicle_images.' || photo_columns[i] = ANY (texts) THEN 'public.image_backfill_moment(i.%1$I) AS %1$I'
      ELSE 'i.%1$I::%2$s AS %1$I' END, photo_columns[i], photo_types[i]);
  END LOOP;
  parts := parts || CASE WHEN 'vehicle_images.id' = ANY (columns) THEN 'i.id::text AS id' ELSE 'i.ctid::text AS id' END;
  EXECUTE format('CREATE VIEW public.image_backfill_photos WITH (security_invoker = true) AS SELECT i.vehicle_id, %s FROM public.vehicle_images i',
    array_to_string(parts, ', '));

  IF (SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = to_regclass('public.image_backfill_dealers_id'))
    IS DISTINCT FROM to_regclass('public.' || quote_ident(dealers)) THEN
    DROP INDEX IF EXISTS public.image_backfill_dealers_id;
  END IF;
  IF dealers IS NULL THEN
    CREATE VIEW public.image_backfill_dealers AS SELECT ''::text AS id, ''::text AS name, NULL::text AS website WHERE false;
  ELSE
    SELECT format('COALESCE(%s)', string_agg(format('NULLIF(d.%I::text, '''')', name), ', ' ORDER BY place) || ', d.id::text') INTO part
    FROM unnest(ARRAY['business_name', 'name', 'title', 'display_name', 'id']) WITH ORDINALITY AS names (name, place)
    WHERE dealers || '.' || name = ANY (columns);
    EXECUTE format('CREATE VIEW public.image_backfill_dealers WITH (security_invoker = true) AS SELECT d.id::text AS id, %s AS name, %s AS website FROM public.%I d',
      part, CASE WHEN dealers || '.website' = ANY (columns) THEN 'd.website::text' ELSE 'NULL::text' END, dealers);
    EXECUTE format('CREATE INDEX IF NOT EXISTS image_backfill_dealers_id ON public.%I ((id::text))', dealers);
  END IF;

  -- Vehicles: the one definition of what a job is made of.
  SELECT array_agg(CASE WHEN 'vehicles.' || name = ANY (columns) THEN format('COALESCE(v.%I::text, '''')', name) ELSE '''''' END ORDER BY place)
  INTO parts FROM unnest(vehicle_text) WITH ORDINALITY AS names (name, place);
  part := '''''';
  IF columns @> ARRAY['organization_vehicles.vehicle_id', 'organization_vehicles.organization_id'] THEN
    part := format('COALESCE((SELECT ov.organization_id::text FROM public.organization_vehicles ov WHERE ov.vehicle_id = v.id %s ORDER BY %s ov.organization_id LIMIT 1), '''')',
      CASE WHEN 'organization_vehicles.status' = ANY (columns) THEN 'AND ov.status = ''active''' ELSE '' END,
      CASE WHEN 'organization_vehicles.created_at' = ANY (columns) THEN 'ov.created_at,' ELSE '' END);
  END IF;
  IF 'vehicles.origin_organization_id' = ANY (columns) THEN
    part := format('COALESCE(NULLIF(v.origin_organization_id::text, ''''), %s)', part);
  END IF;
  EXECUTE format($view$
    CREATE VIEW public.image_backfill_facts WITH (security_invoker = true) AS
    SELECT v.id AS vehicle_id, %1$s AS organization_id, %2$s AS is_public,
      left(CASE WHEN %3$s <> '' OR %4$s <> '' OR %6$s = ''
        THEN COALESCE(NULLIF(btrim(%8$s || %3$s || CASE WHEN %3$s = '' THEN '' ELSE ' ' END || %4$s || CASE WHEN %4$s = '' THEN '' ELSE ' ' END || %5$s), ''), v.id::text)
        ELSE %6$s END, 500) AS title,
      %7$s AS vin,
      v.origin_metadata->>'image_urls' IS NOT NULL AS listed,
      CASE WHEN jsonb_typeof(v.origin_metadata->'image_urls') = 'array' THEN jsonb_array_length(v.origin_metadata->'image_urls')
        ELSE jsonb_array_length(public.image_backfill_urls(COALESCE(NULLIF(v.origin_metadata->'image_urls', 'null'::jsonb), v.origin_metadata->'images'))) END AS url_count,
      COALESCE(jsonb_hash_extended(COALESCE(NULLIF(v.origin_metadata->'image_urls', 'null'::jsonb), v.origin_metadata->'images'), 0), 0) AS gallery,
      COALESCE(lower(btrim(v.origin_metadata->>'images_backfilled', E' \t\n\r\v\f')) IN ('true', 'tru', 'tr', 't', 'yes', 'ye', 'y', 'on', '1'), false) AS marked,
      photos.stored, photos.ours,
      v.origin_metadata, %9$s AS changed_at
    FROM public.vehicles v LEFT JOIN LATERAL (
      SELECT count(*)::int AS stored, count(*) FILTER (WHERE %10$s)::int AS ours FROM public.vehicle_images i WHERE i.vehicle_id = v.id) photos ON true
  $view$, part,
    CASE WHEN 'vehicles.is_public' = ANY (columns) THEN 'COALESCE(v.is_public, false)' ELSE 'true' END,
    parts[1], parts[2], parts[3], parts[4], parts[5],
    CASE WHEN 'vehicles.year' = ANY (columns) THEN 'COALESCE(v.year || '' '', '''')' ELSE '''''' END,
    CASE WHEN 'vehicles.updated_at' = ANY (texts) THEN 'public.image_backfill_moment(v.updated_at)'
      WHEN 'vehicles.updated_at' = ANY (columns) THEN 'v.updated_at::timestamptz' ELSE 'NULL::timestamptz' END,
    -- Without a column for the source, the path of the object tells whose image it is.
    CASE WHEN 'vehicle_images.source' = ANY (columns) THEN format('i.source::text = %L', source)
      ELSE format('i.image_url LIKE ''%%%%/'' || v.id || %L', '/' || source || '/' || source || '\_%') END);

  -- Writes an image row; nothing when the vehicle has these bytes already.
  EXECUTE format($function$
    CREATE FUNCTION public.image_backfill_insert_photo(vehicle uuid, image jsonb) RETURNS void LANGUAGE sql AS
    $body$ INSERT INTO public.vehicle_images (vehicle_id, %s) VALUES (vehicle, %s) ON CONFLICT DO NOTHING $body$
  $function$, photo_names, photo_values);

  -- Merges a patch into origin_metadata and takes keys out of it; a later write of anyone else stays possible.
  EXECUTE format($function$
    CREATE FUNCTION public.image_backfill_write_metadata(vehicle uuid, patch jsonb, gone text[] DEFAULT '{}') RETURNS void LANGUAGE sql AS
    $body$ UPDATE public.vehicles SET origin_metadata = (COALESCE(origin_metadata, '{}') || patch) - gone %s WHERE id = vehicle $body$
  $function$, CASE WHEN 'vehicles.updated_at' = ANY (columns) THEN ', updated_at = now()' ELSE '' END);

  -- Sees that one of a vehicle's images is the primary one; whether it has any image.
  parts := '{}';
  IF columns @> ARRAY['vehicle_images.is_primary', 'vehicle_images.id'] THEN
    parts := parts || $part$
      BEGIN
        UPDATE public.vehicle_images SET is_primary = true WHERE NOT first.is_primary IS TRUE AND vehicle_id = vehicle AND id::text = first.id;
      EXCEPTION WHEN unique_violation THEN
        NULL; -- somebody else chose one at this moment
      END;$part$::text;
  END IF;
  IF 'vehicles.primary_image_url' = ANY (columns) THEN
    parts := parts || format('UPDATE public.vehicles SET primary_image_url = first.image_url %s WHERE id = vehicle AND COALESCE(primary_image_url, '''') = '''';',
      CASE WHEN 'vehicles.updated_at' = ANY (columns) THEN ', updated_at = now()' ELSE '' END);
  END IF;
  EXECUTE format($function$
    CREATE FUNCTION public.image_backfill_choose_primary(vehicle uuid) RETURNS boolean LANGUAGE plpgsql AS $body$
    DECLARE
      first record;
    BEGIN
      SELECT p.id, p.image_url, p.is_primary INTO first FROM public.image_backfill_photos p WHERE p.vehicle_id = vehicle
      ORDER BY p.is_primary IS TRUE DESC, p.position, p.created_at, p.id LIMIT 1;
      IF NOT FOUND THEN
        RETURN false;
      END IF;
      %s
      RETURN true;
    END $body$
  $function$, array_to_string(parts, E'\n'));

  -- Indexes on the project's tables, where no other serves: images of a vehicle, and what changed lately.
  IF NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_index x JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
    WHERE x.indrelid = 'public.vehicle_images'::regclass AND a.attname = 'vehicle_id' AND x.indpred IS NULL AND x.indisvalid) THEN
    CREATE INDEX IF NOT EXISTS image_backfill_photos_of ON public.vehicle_images (vehicle_id);
  END IF;
  IF 'vehicles.updated_at' = ANY (columns) THEN
    CREATE INDEX IF NOT EXISTS image_backfill_changed ON public.vehicles (updated_at, id);
  END IF;
  IF 'vehicle_images.created_at' = ANY (columns) THEN
    CREATE INDEX IF NOT EXISTS image_backfill_photos_added ON public.vehicle_images (created_at);
  END IF;
END $install$;
