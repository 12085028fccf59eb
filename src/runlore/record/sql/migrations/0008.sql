-- Schema 8: points in stretches, and notes; docs/design/schema.md says what they are for.

-- No runlore that had the table before could measure anything, so it is empty.
drop table point;
-- A stretch of a series. value: 8-byte floats. at: 8-byte integers, microseconds. progress: what the user counted by (epoch,
-- batch): 8-byte integers, or JSON where some are missing or larger; null where none is said. All little-endian.
create table point(run int not null, step int not null, item int not null, attempt int not null, key int not null,
  part int not null, count int not null, value blob not null, at blob not null, progress,
  primary key (run, step, item, attempt, key, part)) without rowid;

-- What people wrote about something; the newest row is in force, text is null where it was taken away.
create table note(id integer primary key, kind int not null, owner int not null, step int not null, text, user text,
  at int not null);
create index note_owner on note(kind, owner, step);
