-- Statements of pruning, as docs/design/blobs.md describes it.

-- name: unused_versions
select v.seq, a.name, coalesce(v.label, cast(v.number as text)), v.size, v.deleted from version v join artifact a on a.id = v.artifact
where v.deleted < 2 and v.seq not in (select version from edge) and v.seq not in (select version from alias)
and v.seq not in (select version from lookup where version is not null)
and v.uid not in (select origin from version where origin is not null and deleted = 0)
and v.seq not in (select version from condemned) and (v.save_type not in (?1, ?2) or ?3) and v.created < ?4 order by v.seq
-- name: newest_of_each
select seq from (select seq, row_number() over (partition by artifact order by number desc, seq desc) as place from version where deleted < 2)
where place <= ?
-- name: oldest_running
select coalesce((select min(run) from lease), (select seq from sqlite_sequence where name = 'run') + 1, 1)
-- What came to be in use since a moment.
-- name: used_since
select version from edge where run >= ?1 union select version from lookup where run >= ?1 and version is not null
union select version from alias
union select o.seq from version n join version o on o.uid = n.origin where n.seq > ?2 and n.origin is not null and n.deleted = 0
-- name: states
select v.seq, v.deleted from version v left join condemned c on c.version = v.seq where v.deleted < 2 and v.seq in ({}) and c.version is null
-- name: hide
update version set deleted = 1 where seq = ?
-- name: add_condemned
insert or ignore into condemned(version, part, mark, was) values (?, ?, ?, ?)
-- name: drop_condemned
delete from condemned where version = ?

-- name: add_mark
insert into mark(at) values (?)
-- name: marks
select id from mark where holders is null or holders <> '' or exists (select 1 from dead d where d.mark = mark.id)
or exists (select 1 from condemned c where c.mark = mark.id)
-- name: holders
select holders from mark where id = ?
-- name: set_holders
update mark set holders = ? where id = ?
-- name: drop_marks
delete from mark where holders = '' and id not in (select mark from condemned) and id not in (select mark from dead)

-- name: condemned_with_bytes
select version from condemned where part <> ?
-- name: ripe_versions
select c.version, c.part, c.was, v.run, v.step, v.item, v.pos from condemned c cross join mark m on m.id = c.mark
left join version v on v.seq = c.version where m.holders = '' limit ?
-- name: spare_version
insert or ignore into spared(digest, form) select digest, form from version where seq = ?
-- name: spare_items
insert or ignore into spared(digest, form) select digest, form from item where run = ? and step = ? and pos = ?
-- name: drop_items
delete from item where run = ? and step = ? and pos = ?
-- name: forget_pictures
delete from picture where version = ?
-- name: drop_entries
delete from entry where kind = 4 and owner = ?
-- name: drop_notes
delete from note where kind = 4 and owner = ?
-- name: drop_tags
delete from tag where kind = 4 and owner = ?
-- name: drop_facts
delete from fact where kind = 2 and owner = ?
-- The newest version of an artifact leaves its row, seen by nobody, so that its number and its place are not given again.
-- name: drop_version
delete from version where seq = ? and seq <> (select n.seq from version n where n.artifact = version.artifact
order by n.number desc, n.seq desc limit 1)
-- name: keep_number
update version set deleted = 2, label = null where seq = ?
-- name: drop_numbers
delete from version where deleted = 2 and seq <> (select n.seq from version n where n.artifact = version.artifact
order by n.number desc, n.seq desc limit 1)
-- name: artifacts_of
select seq, artifact from version where seq in ({})
-- name: count_gone
update artifact set gone = gone + ? where id = ?
-- Items of tasks whose step never came to an end, once their run is deleted.
-- name: orphans
select distinct run, step, pos from item where run not in (select seq from run) and not exists (select 1 from version v
where v.run = item.run and v.step = item.step and v.item = -1 and v.pos = item.pos)

-- name: payloads
select digest, length(data) from payload
-- name: payload_sizes
select digest, length(data) from payload where digest in ({})
-- name: drop_payload
delete from payload where digest = ?

-- name: add_dead
insert or ignore into dead(digest, mark) values (?, ?)
-- name: dead
select d.digest, m.holders = '' from dead d join mark m on m.id = d.mark
-- name: is_dead
select 1 from dead where digest = ?
-- name: is_ripe
select 1 from dead d join mark m on m.id = d.mark where d.digest = ? and m.holders = ''
-- name: drop_dead
delete from dead where digest = ?
