-- Schema 2: facts of steps, zones, metrics and aliases; docs/design/schema.md says what they are for.

alter table fact rename to fact_1;
drop index fact_num;
drop index fact_text;
drop index fact_new;

-- Searchable values now in force. kind: 0 parameter of a run, 1 metadata of a run, 2 metadata of a version, 3 to 6 last,
-- least, greatest and number of a metric of a run. step: the step of the run that noted it, -1 the owner itself.
create table fact(kind int not null, owner int not null, key int not null, step int not null, num, text,
  primary key (kind, owner, key, step)) without rowid;
create index fact_num on fact(kind, key, num, owner) where num is not null;      -- equality, and rare matches
create index fact_text on fact(kind, key, text, owner) where text is not null;
create index fact_new on fact(kind, key, owner, num);                            -- newest first

-- Between which numbers the facts of a key lie, for blocks of owners: what a range passes over. A block of level 0 has 32
-- owners (block = owner / 32), one of level 1 has 32 blocks of level 0.
create table zone(kind int not null, key int not null, level int not null, block int not null, lo not null, hi not null,
  primary key (kind, key, level, block)) without rowid;

-- Series of numbers. step: the step that measured, -1 the run itself. metric: one row per name, over all tasks and attempts.
create table metric(run int not null, step int not null, key int not null, count int not null, last, lo, hi,
  primary key (run, step, key)) without rowid;
-- value: a float, null for NaN. progress: what the user counted by (epoch, batch); text beyond 64 bits.
create table point(run int not null, step int not null, item int not null, attempt int not null, key int not null,
  part int not null, pos int not null, progress, value, at int not null,
  primary key (run, step, item, attempt, key, part, pos)) without rowid;

-- Which version holds an alias of its artifact, and every move there was; version is null where it was taken away.
create table alias(artifact int not null, word int not null, version int not null, at int not null,
  primary key (artifact, word)) without rowid;
create index alias_version on alias(version);
create table alias_move(id integer primary key, artifact int not null, word int not null, version int, at int not null);
create index alias_move_word on alias_move(artifact, word);

insert into fact(kind, owner, key, step, num, text) select kind, owner, key, -1, num, text from fact_1;
drop table fact_1;

-- What steps noted was kept, but could not be found. Numbers, booleans and plain texts can be now, unless the run itself
-- noted the key; what is nested is found once it is noted again.
insert into fact(kind, owner, key, step, num, text)
select 1, e.owner, e.key, e.step,
  case when e.value = 'true' then 1 when e.value = 'false' then 0 when e.value glob '[-0-9]*' then e.value + 0 end,
  case when e.value like '"%' then substr(e.value, 2, length(e.value) - 2) end
from (select max(id) as last from entry where kind = 2 group by owner, step, key) newest join entry e on e.id = newest.last
where typeof(e.value) = 'text' and (e.value in ('true', 'false')
  or e.value glob '[-0-9]*' and not e.value glob '*[^-+.0-9eE]*'
  or e.value like '"%"' and instr(e.value, '\') = 0)
and not exists (select 1 from entry own join word o on o.id = own.key join word w on w.id = e.key
  where own.kind = 1 and own.owner = e.owner and own.step = 0
  and (w.text = o.text or substr(w.text, 1, length(o.text) + 1) = o.text || '.'));

insert into zone(kind, key, level, block, lo, hi)
select kind, key, 0, owner / 32, min(num), max(num) from fact where num is not null group by kind, key, owner / 32;
insert into zone(kind, key, level, block, lo, hi)
select kind, key, 1, block / 32, min(lo), max(hi) from zone where level = 0 group by kind, key, block / 32;
