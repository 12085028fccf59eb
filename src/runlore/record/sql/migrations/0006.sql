-- Schema 6: pictures that were drawn; docs/design/schema.md says what they are for.

-- What was drawn of a version (element -1) or of an element of it. digest: of a row of `payload`, null where the picture was
-- too large to keep.
create table picture(version int not null, element int not null, pos int not null, kind text not null, name not null,
  media_type text, size int not null, digest blob, primary key (version, element, pos)) without rowid;
