-- The record's tables, as docs/design/schema.md explains them. Times are microseconds since the epoch, UTC.
-- status: position in runlore.model.status.CODES (0 pending, 1 running, 2 completed, 3 failed, 4 cached, 5 skipped, ...).

-- One row: what this store is.
create table store(id integer primary key check (id = 1), uid text not null, created int not null);

-- Declarations. `runs` and `last_number` are counters, so that totals and numbers never count rows.
create table pipeline(id integer primary key, name text not null unique, version int not null, runs int not null,
  last_number int not null, created int not null, fingerprint blob not null);

-- What a step or pipeline was, once per content.
create table definition(id integer primary key, digest blob not null unique, body not null);

-- Interned texts: metadata keys, tags, output and parameter names.
create table word(id integer primary key, text not null unique);

-- Interned kinds of content.
create table kind(id integer primary key, materializer text not null, type text not null, artifact_type text not null,
  unique (materializer, type, artifact_type));

create table run(seq integer primary key autoincrement, uid blob not null unique, pipeline int not null,
  pipeline_version int not null, number int not null, name text not null unique, status int not null,
  created int not null, ended int, duration real, definition int not null, parameters not null, config not null,
  environment blob, code blob, user text, host text, git_commit text, origin blob, trigger, failure, outputs not null);
create unique index run_number on run(pipeline, number);
create index run_pipeline on run(pipeline);                      -- newest first within a pipeline
create index run_pipeline_status on run(pipeline, status);
create index run_status on run(status);
create index run_by_number on run(number);                       -- these three: what runs are sorted by
create index run_ended on run(ended);
create index run_duration on run(duration);

create table step(run int not null, idx int not null, name text not null, definition int not null, status int not null,
  started int, ended int, duration real, parameters not null, upstream text, origin_run int, origin_idx int, tasks int,
  config not null, cache_note text, primary key (run, idx)) without rowid;

-- Completed executions that were computed, not taken over: where `last_execution` looks.
create table executed(pipeline int not null, name text not null, run int not null, idx int not null,
  primary key (pipeline, name, run, idx)) without rowid;

create table task(run int not null, step int not null, item int not null, attempt int not null, status int not null,
  started int, ended int, key blob, failure, wall real, cpu real, memory int, gpu_memory int,
  origin_run int, origin_idx int, origin_item int, primary key (run, step, item, attempt)) without rowid;
create index task_key on task(key, run) where key is not null and status = 2;    -- cache look-up

create table artifact(id integer primary key, name text not null unique, created int not null,
  gone int not null default 0);                                  -- versions that were pruned

-- `number` is the automatic number, for a labelled version that of the last automatic one before it, so that
-- (number, seq) is the order of creation within an artifact; `nth` counts every version of the artifact so far. deleted: 1
-- the bytes are gone, 2 all is gone but the number.
create table version(seq integer primary key, uid blob not null unique, artifact int not null, number int not null,
  nth int not null, label text, created int not null, save_type int not null, kind int not null, digest blob not null,
  size int not null, form int not null, run int, step int, item int, pos int, origin blob,
  deleted int not null default 0, meta not null);
create index version_artifact on version(artifact, number);
create index version_run on version(run) where run is not null;
create unique index version_label on version(artifact, label) where label is not null;
create index version_origin on version(origin) where origin is not null;    -- copies of a version
create index version_created on version(created);                -- these two: what versions are sorted by
create index version_size on version(size);

-- Bytes of small values, once per content.
create table payload(digest blob primary key, data blob not null) without rowid;

-- Elements of collections: found through the task that made them.
create table item(run int not null, step int not null, item int not null, pos int not null, word int not null,
  kind int not null, digest blob not null, size int not null, form int not null, meta not null,
  primary key (run, step, item, pos)) without rowid;

-- way: 0 input, 1 output, 2 saved by hand.
create table edge(run int not null, step int not null, item int not null, way int not null, pos int not null,
  word int not null, version int not null, element int, primary key (run, step, item, way, pos)) without rowid;
create index edge_input on edge(version, run, step, item, pos) where way = 0;    -- consumers of a version

-- Metadata with its history; the newest row of a key is its value. kind: position in OwnerKind.
create table entry(id integer primary key, kind int not null, owner int not null, step int not null, key int not null,
  value not null, at int not null);
create index entry_owner on entry(kind, owner, step, key);

-- Searchable values now in force. kind: 0 parameter of a run, 1 metadata of a run, 2 metadata of a version, 3 to 6 last,
-- least, greatest and number of a metric of a run. step: the step of the run that noted it, -1 the owner itself.
create table fact(kind int not null, owner int not null, key int not null, step int not null, num, text,
  primary key (kind, owner, key, step)) without rowid;
create index fact_num on fact(kind, key, num, owner) where num is not null;      -- equality, and rare matches
create index fact_text on fact(kind, key, text, owner) where text is not null;
create index fact_new on fact(kind, key, owner, num);                            -- newest first

-- Between which numbers the facts of a key lie, for blocks of owners: what a range passes over. A block of level 0 has 32
-- owners (block = owner / 32), one of level 1 has 32 blocks of level 0. Kind 7, key 0: when runs began.
create table zone(kind int not null, key int not null, level int not null, block int not null, lo not null, hi not null,
  primary key (kind, key, level, block)) without rowid;

-- Series of numbers. step: the step that measured, -1 the run itself. metric: one row per name, over all tasks and attempts.
create table metric(run int not null, step int not null, key int not null, count int not null, last, lo, hi,
  primary key (run, step, key)) without rowid;
-- A stretch of a series. value: 8-byte floats. at: 8-byte integers, microseconds. progress: what the user counted by (epoch,
-- batch): 8-byte integers, or JSON where some are missing or larger; null where none is said. All little-endian.
create table point(run int not null, step int not null, item int not null, attempt int not null, key int not null,
  part int not null, count int not null, value blob not null, at blob not null, progress,
  primary key (run, step, item, attempt, key, part)) without rowid;

-- What people wrote about something; the newest row is in force, text is null where it was taken away.
create table note(id integer primary key, kind int not null, owner int not null, step int not null, text, user text,
  at int not null);
create index note_owner on note(kind, owner, step);

-- Which version holds an alias of its artifact, and every move there was; version is null where it was taken away.
create table alias(artifact int not null, word int not null, version int not null, at int not null,
  primary key (artifact, word)) without rowid;
create index alias_version on alias(version);
create table alias_move(id integer primary key, artifact int not null, word int not null, version int, at int not null);
create index alias_move_word on alias_move(artifact, word);

create table tag(kind int not null, word int not null, owner int not null, step int not null, system int not null,
  primary key (kind, word, owner, step)) without rowid;
create index tag_owner on tag(kind, owner, step);

create table log(run int not null, step int not null, item int not null, attempt int not null, part int not null,
  text not null, primary key (run, step, item, attempt, part)) without rowid;

-- Who owns a running run; gone when it ends.
create table lease(run integer primary key, token int not null, host text not null, boot text not null, pid int not null,
  born int not null, beat int);

-- What changed, for watchers. The newest row is never deleted, so that numbers are never reused.
create table event(seq integer primary key, run int not null, step int, item int, status int not null, at int not null);

-- What a task looked up by name while it ran. artifact, asked: words; asked: a label, null for the latest. version: what
-- it was then, null for nothing. code: digest of the project's classes in its value.
create table lookup(run int not null, step int not null, item int not null, pos int not null, artifact int not null,
  asked int, version int, code blob, primary key (run, step, item, pos)) without rowid;
create index lookup_version on lookup(version, run, step, item, pos) where version is not null;    -- consumers

-- What was drawn of a version (element -1) or of an element of it. digest: of a row of `payload`, null where the picture was
-- too large to keep.
create table picture(version int not null, element int not null, pos int not null, kind text not null, name not null,
  media_type text, size int not null, digest blob, primary key (version, element, pos)) without rowid;

-- What is being pruned: docs/design/blobs.md, "Pruning". holders: ids of the leases that were held after the mark was made and
-- still are, separated by blanks; null: not asked yet; empty: what is marked can go.
create table mark(id integer primary key autoincrement, at int not null, holders text);
-- Versions marked to go; they read as deleted. part: position in runlore.model.pruning.PARTS. was: 1 if its bytes were
-- deleted before.
create table condemned(version integer primary key, part int not null, mark int not null,
  was int not null);
-- Blobs marked to go. Whoever is about to write or to keep one takes the mark away first.
create table dead(digest blob primary key, mark int not null) without rowid;
-- Bytes whose version was forgotten by --only-metadata; sweeping leaves them.
create table spared(digest blob not null, form int not null, primary key (digest, form)) without rowid;
