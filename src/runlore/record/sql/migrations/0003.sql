-- Schema 3: what tasks look up by name; docs/design/schema.md says what it is for.

-- What a task looked up by name while it ran. artifact, asked: words; asked: a label, null for the latest. version: what
-- it was then, null for nothing. code: digest of the project's classes in its value.
create table lookup(run int not null, step int not null, item int not null, pos int not null, artifact int not null,
  asked int, version int, code blob, primary key (run, step, item, pos)) without rowid;
create index lookup_version on lookup(version, run, step, item, pos) where version is not null;    -- consumers
