-- What both servers are asked about the objects of catalog_objects.sql and client_statements_setup.sql: each block one query, OIDs told by names.
-- Left out is what differs by design: a view's rows can't be changed, a dropped column's type is forgotten, nothing is counted.

-- pg_namespace
select nspname, nspowner, nspacl::text from pg_namespace where nspname !~ 'pg_temp|pg_toast_temp' order by 1

-- pg_class
select (select nspname from pg_namespace where oid=relnamespace), relname, (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=reltype), reloftype, relowner, (select amname from pg_am where oid=relam), relfilenode<>0, reltablespace, reltuples<=0 or relkind='S', relhasindex, relisshared, relpersistence, relkind, relnatts, relchecks, relhasrules, relhastriggers, relhassubclass, relrowsecurity, relforcerowsecurity, relispopulated, relreplident, relispartition, relrewrite, relfrozenxid<>'0', relacl::text, reloptions::text, relpartbound::text from pg_class where oid>=16384 and relkind<>'t' and relname !~ 'toast' order by 1,2

-- pg_attribute
select (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=attrelid) r, attname, (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=atttypid), attstattarget, attlen, attnum, attndims, attcacheoff, atttypmod, attbyval, attalign, attstorage, attcompression, attnotnull, atthasdef, atthasmissing, attidentity, attgenerated, attisdropped, attislocal, attinhcount, (select collname from pg_collation where oid=attcollation), attacl::text, (select array_agg(o)::text from unnest(attoptions) o where o !~ '^pg_attver=') from pg_attribute where not attisdropped and attrelid>=16384 and attrelid in (select oid from pg_class where relname !~ 'toast') order by 1, attnum

-- pg_type
select (select nspname from pg_namespace where oid=typnamespace), typname, typowner, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=typrelid), typsubscript::text, (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=typelem), (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=typarray), typinput::text, typoutput::text, typreceive::text, typsend::text, typmodin::text, typmodout::text, typanalyze::text, typalign, typstorage, typnotnull, (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=typbasetype), typtypmod, typndims, typcollation, typdefault, typacl::text from pg_type where oid>=16384 order by 1,2

-- pg_index
select (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=indexrelid), (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=indrelid), indnatts, indnkeyatts, indisunique, indnullsnotdistinct, indisprimary, indisexclusion, indimmediate, indisclustered, indisvalid, indcheckxmin, indisready, indislive, indisreplident, indkey::text, indcollation::text, indclass::text, indoption::text, pg_get_expr(indexprs,indrelid), pg_get_expr(indpred,indrelid) from pg_index where indexrelid>=16384 and indrelid in (select oid from pg_class where relname !~ 'toast') order by 1

-- pg_constraint
select conname, (select nspname from pg_namespace where oid=connamespace), contype, condeferrable, condeferred, convalidated, (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=conrelid), (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=contypid), (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=conindid), conparentid, (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=confrelid), confupdtype, confdeltype, confmatchtype, conislocal, coninhcount, connoinherit, conkey, confkey, conpfeqop::text, conppeqop::text, conffeqop::text, confdelsetcols::text, pg_get_expr(conbin,conrelid), pg_get_constraintdef(oid) from pg_constraint where connamespace=2200 or conname ~ 'owner' order by 1,2

-- pg_attrdef
select (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=adrelid), adnum, pg_get_expr(adbin,adrelid) from pg_attrdef order by 1,2

-- pg_enum
select (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=enumtypid), enumsortorder, enumlabel from pg_enum order by 1,2

-- pg_sequence
select (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=seqrelid), (select n.nspname||'.'||c.typname from pg_type c join pg_namespace n on n.oid=c.typnamespace where c.oid=seqtypid), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle from pg_sequence order by 1

-- pg_proc
select proname, (select nspname from pg_namespace where oid=pronamespace), proowner, prolang, procost, prorows, provariadic, prosupport::text, prokind, prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, prorettype, proargtypes::text, proallargtypes::text, proargmodes::text, proargnames::text, pg_get_expr(proargdefaults,0), prosrc, proconfig::text, proacl::text from pg_proc where oid>=16384 order by 1

-- pg_description
select classoid, (select relname from pg_class where oid=objoid and classoid=1259), (select typname from pg_type where oid=objoid and classoid=1247), (select conname from pg_constraint where oid=objoid and classoid=2606), (select nspname from pg_namespace where oid=objoid and classoid=2615), objsubid, description from pg_description where objoid>=16384 or objoid=2200 order by 7

-- pg_rewrite
select (select n.nspname||'.'||c.relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where c.oid=ev_class), rulename, ev_type, ev_enabled, is_instead from pg_rewrite where oid>=16384 order by 1

-- pg_extension
select extname, extnamespace, extrelocatable, extversion from pg_extension order by 1

-- pg_depend
with names(class,oid,name) as (select 1259,oid,'rel '||relname from pg_class union all select 1247,oid,'type '||typname from pg_type union all select 1255,oid,'proc '||proname from pg_proc union all select 2604,a.oid,'default '||relname||adnum from pg_attrdef a join pg_class on adrelid=pg_class.oid union all select 2606,oid,'con '||conname from pg_constraint union all select 2615,oid,'ns '||nspname from pg_namespace union all select 2618,r.oid,'rule '||relname from pg_rewrite r join pg_class on ev_class=pg_class.oid)
 select distinct (select name from names n where n.class=classid::int and n.oid=objid) a,objsubid,(select name from names n where n.class=refclassid::int and n.oid=refobjid) b,refobjsubid,deptype from pg_depend where objid>=16384 and classid not in (2620) and objid not in (select oid from pg_class where relname ~ 'toast') order by 1,2,3,4,5

-- information_schema.tables
select table_schema, table_name, table_type, is_typed from information_schema.tables where table_schema in ('public', 'shop')

-- information_schema.columns
select table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, interval_type, interval_precision, collation_catalog, collation_schema, collation_name, domain_catalog, domain_schema, domain_name, udt_catalog, udt_schema, udt_name, dtd_identifier, is_identity, identity_generation, identity_start, identity_increment, identity_maximum, identity_minimum, identity_cycle, is_generated, generation_expression from information_schema.columns where table_schema in ('public', 'shop')

-- information_schema.table_constraints
select * from information_schema.table_constraints where table_schema in ('public', 'shop')

-- information_schema.key_column_usage
select * from information_schema.key_column_usage where table_schema in ('public', 'shop')

-- information_schema.constraint_column_usage
select * from information_schema.constraint_column_usage where table_schema in ('public', 'shop')

-- information_schema.constraint_table_usage
select * from information_schema.constraint_table_usage where table_schema in ('public', 'shop')

-- information_schema.referential_constraints
select * from information_schema.referential_constraints where constraint_schema in ('public', 'shop')

-- information_schema.check_constraints
select * from information_schema.check_constraints where constraint_schema in ('public', 'shop')

-- information_schema.sequences
select * from information_schema.sequences where sequence_schema in ('public', 'shop')

-- information_schema.domains
select * from information_schema.domains where domain_schema in ('public', 'shop')

-- information_schema.domain_constraints
select * from information_schema.domain_constraints where domain_schema in ('public', 'shop')

-- information_schema.domain_udt_usage
select * from information_schema.domain_udt_usage where domain_schema in ('public', 'shop')

-- information_schema.column_domain_usage
select * from information_schema.column_domain_usage where table_schema in ('public', 'shop')

-- information_schema.column_udt_usage
select * from information_schema.column_udt_usage where table_schema in ('public', 'shop')

-- information_schema.view_table_usage
select * from information_schema.view_table_usage where view_schema in ('public', 'shop')

-- information_schema.view_column_usage
select * from information_schema.view_column_usage where view_schema in ('public', 'shop')

-- information_schema.user_defined_types
select * from information_schema.user_defined_types where user_defined_type_schema in ('public', 'shop')

-- information_schema.attributes
select * from information_schema.attributes where udt_schema in ('public', 'shop')

-- information_schema.routines
select specific_schema, specific_name, routine_name, routine_type, data_type, type_udt_name, routine_body, routine_definition, external_language, is_deterministic, sql_data_access, is_null_call, security_type from information_schema.routines where specific_schema in ('public', 'shop')

-- information_schema.parameters
select specific_name, ordinal_position, parameter_mode, parameter_name, data_type, udt_name from information_schema.parameters where specific_schema in ('public', 'shop')

-- information_schema.table_privileges
select * from information_schema.table_privileges where table_schema in ('public', 'shop')

-- information_schema.column_privileges
select * from information_schema.column_privileges where table_schema in ('public', 'shop')

-- information_schema.usage_privileges
select * from information_schema.usage_privileges where object_schema in ('public', 'shop')

-- information_schema.udt_privileges
select * from information_schema.udt_privileges where udt_schema in ('public', 'shop')

-- information_schema.routine_privileges
select * from information_schema.routine_privileges where specific_schema in ('public', 'shop')

-- information_schema.triggers
select * from information_schema.triggers where trigger_schema in ('public', 'shop')

-- information_schema.data_type_privileges
select * from information_schema.data_type_privileges where object_schema in ('public', 'shop')

-- information_schema.schemata
select * from information_schema.schemata

-- information_schema.enabled_roles
select * from information_schema.enabled_roles

-- information_schema.character_sets
select * from information_schema.character_sets

-- information_schema.applicable_roles
select * from information_schema.applicable_roles

-- information_schema.information_schema_catalog_name
select * from information_schema.information_schema_catalog_name

-- information_schema.sql_features
select * from information_schema.sql_features

-- information_schema.sql_parts
select * from information_schema.sql_parts

-- information_schema.sql_sizing
select * from information_schema.sql_sizing

-- pg_tables
select * from pg_tables where schemaname in ('public', 'shop')

-- pg_indexes
select * from pg_indexes where schemaname in ('public', 'shop')

-- pg_sequences
select * from pg_sequences where schemaname in ('public', 'shop')

-- pg_policies
select * from pg_policies where schemaname in ('public', 'shop')

-- pg_stat_user_tables
select schemaname, relname, idx_scan is null, last_vacuum from pg_stat_user_tables

-- pg_stat_user_indexes
select schemaname, relname, indexrelname from pg_stat_user_indexes

-- pg_statio_user_tables
select schemaname, relname, idx_blks_read is null from pg_statio_user_tables

-- pg_user
select * from pg_user

-- pg_group
select groname, grolist::text from pg_group

-- pg_shadow
select * from pg_shadow

-- pg_roles
select * from pg_roles

-- pg_aggregate
select * from pg_aggregate

-- pg_am
select * from pg_am

-- pg_amop
select * from pg_amop

-- pg_amproc
select * from pg_amproc

-- pg_cast
select * from pg_cast

-- pg_conversion
select * from pg_conversion

-- pg_language
select * from pg_language

-- pg_opclass
select * from pg_opclass

-- pg_operator
select * from pg_operator

-- pg_opfamily
select * from pg_opfamily

-- pg_range
select * from pg_range

-- pg_tablespace
select * from pg_tablespace

-- pg_ts_config
select * from pg_ts_config

-- pg_ts_config_map
select * from pg_ts_config_map

-- pg_ts_dict
select * from pg_ts_dict

-- pg_ts_parser
select * from pg_ts_parser

-- pg_ts_template
select * from pg_ts_template

-- pg_auth_members
select * from pg_auth_members

-- pg_shdescription
select * from pg_shdescription

-- pg_proc, built in
select oid, proname, pronamespace, prolang, procost, prorows, provariadic, prosupport, prokind, prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, prorettype, proargtypes, proallargtypes, proargmodes, proargnames, prosrc, probin, proconfig, proacl from pg_proc where oid < 16384 and proname !~ '^binary_upgrade_'

-- pg_type, built in
select oid, typname, typnamespace, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typrelid, typelem, typarray, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typalign, typstorage, typnotnull, typbasetype, typtypmod, typcollation from pg_type where oid < 16384

-- pg_class, built in
select oid, relname, relnamespace, reltype, relam, relkind, relnatts, relhasindex, relisshared, relhasrules, relacl from pg_class where oid < 16384

-- pg_attribute, built in
select attrelid, attname, atttypid, attlen, attnum, attndims, atttypmod, attbyval, attalign, attstorage, attnotnull, atthasdef, attcollation from pg_attribute where attrelid < 16384

-- pg_constraint, built in
select oid, conname, pg_get_constraintdef(oid), case when conname <> 'yes_or_no_check' then pg_get_constraintdef(oid, true) end from pg_constraint where oid < 16384

-- no search path
select set_config('search_path', '', false)

-- type names without a search path
select attname, pg_catalog.format_type(atttypid, atttypmod) from pg_catalog.pg_attribute where attrelid = 'public.t'::pg_catalog.regclass and attnum > 0

-- the usual search path
select set_config('search_path', 'public', false)

-- type names with a search path
select attname, pg_catalog.format_type(atttypid, atttypmod) from pg_catalog.pg_attribute where attrelid = 'public.t'::pg_catalog.regclass and attnum > 0
