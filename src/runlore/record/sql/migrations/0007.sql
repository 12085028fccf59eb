-- Schema 7: copies of a version are found, for lineage; docs/design/lineage.md.

create index version_origin on version(origin) where origin is not null;    -- copies of a version
