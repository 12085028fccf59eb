-- Statements of lineage, as docs/design/lineage.md describes it. Each asks for many nodes; {} is the list of them.

-- Versions without their payloads, in the columns of version_columns.
-- name: versions
select t.seq, t.uid, a.name, t.number, t.label, t.created, t.save_type, k.materializer, k.type, k.artifact_type, t.digest,
  t.size, t.form, null, t.meta, t.run, t.step, t.item, t.pos, t.origin, t.deleted
from version t cross join artifact a on a.id = t.artifact cross join kind k on k.id = t.kind
where t.deleted < 2 and t.seq in ({})
-- name: seqs
select uid, seq from version where deleted < 2 and uid in ({})
-- name: steps
with wanted(run, step) as (values {})
select s.run, s.idx, s.name, p.name, r.number, r.name, s.status, s.duration, s.tasks
from wanted k cross join step s on s.run = k.run and s.idx = k.step cross join run r on r.seq = s.run
cross join pipeline p on p.id = r.pipeline
-- name: origins
with wanted(run, step) as (values {})
select s.run, s.idx, s.origin_run, s.origin_idx from wanted k cross join step s on s.run = k.run and s.idx = k.step
where s.origin_run is not null
union all
select distinct t.run, t.step, t.origin_run, t.origin_idx from wanted k
cross join step s on s.run = k.run and s.idx = k.step and s.tasks is not null and s.origin_run is null
cross join task t on t.run = k.run and t.step = k.step where t.origin_run is not null
-- name: made_as
select v.seq, e.way, w.text from version v
cross join edge e on e.run = v.run and e.step = v.step and e.item = v.item and e.way in (1, 2) and e.pos = v.pos
cross join word w on w.id = e.word where v.seq in ({}) and e.version = v.seq

-- low and high: which tasks; a step as a whole is all of them. Of several links between the same two, the first place counts.
-- name: taken
with wanted(run, step, low, high) as (values {})
select k.run, k.step, k.low, w.text, e.version, min(e.element), max(e.element), sum(e.element is null)
from wanted k cross join edge e on e.run = k.run and e.step = k.step cross join word w on w.id = e.word
where e.way = 0 and (e.item = -1 or e.item between k.low and k.high)
group by k.run, k.step, k.low, e.word, e.version order by k.run, k.step, k.low, min(e.item), min(e.pos)
-- name: looked_up
with wanted(run, step, low, high) as (values {})
select k.run, k.step, k.low, w.text, a.text, l.version
from wanted k cross join lookup l on l.run = k.run and l.step = k.step cross join word w on w.id = l.artifact
left join word a on a.id = l.asked where l.version is not null and l.item between k.low and k.high
group by k.run, k.step, k.low, l.artifact, l.asked, l.version order by k.run, k.step, k.low, min(l.item), min(l.pos)
-- name: given
with wanted(run, step, low, high) as (values {})
select k.run, k.step, k.low, e.way, w.text, e.version
from wanted k cross join edge e on e.run = k.run and e.step = k.step cross join word w on w.id = e.word
where e.way in (1, 2) and (e.item = -1 or e.item between k.low and k.high)
group by k.run, k.step, k.low, e.way, e.word, e.version order by k.run, k.step, k.low, e.way, min(e.item), min(e.pos)

-- Which steps took versions, newest first, at most so many each: one seek per step, however many of its tasks did. A step's
-- place is its run and index in one number.
-- name: takers
with recursive wanted(version) as (values {}), hop(version, place, nth) as (
  select version, (select e.run << 24 | e.step from edge e indexed by edge_input
    where e.version = wanted.version and e.way = 0 order by e.run desc, e.step desc limit 1), 1 from wanted
  union all
  select version, (select e.run << 24 | e.step from edge e indexed by edge_input
    where e.version = hop.version and e.way = 0 and (e.run, e.step) < (hop.place >> 24, hop.place & 16777215)
    order by e.run desc, e.step desc limit 1), nth + 1 from hop where place is not null and nth < ?)
select version, place from hop where place is not null
-- name: askers
with recursive wanted(version) as (values {}), hop(version, place, nth) as (
  select version, (select l.run << 24 | l.step from lookup l indexed by lookup_version
    where l.version = wanted.version and l.version is not null order by l.run desc, l.step desc limit 1), 1 from wanted
  union all
  select version, (select l.run << 24 | l.step from lookup l indexed by lookup_version
    where l.version = hop.version and l.version is not null and (l.run, l.step) < (hop.place >> 24, hop.place & 16777215)
    order by l.run desc, l.step desc limit 1), nth + 1 from hop where place is not null and nth < ?)
select version, place from hop where place is not null
-- How: by version and step. element: the one that is meant; null for all.
-- name: taken_by
with wanted(version, run, step, element) as (values {})
select k.version, k.run, k.step, k.element, w.text, min(e.element), max(e.element), sum(e.element is null), min(e.item), max(e.item)
from wanted k cross join edge e indexed by edge_input on e.version = k.version and e.run = k.run and e.step = k.step and e.way = 0
cross join word w on w.id = e.word where k.element is null or e.element is null or e.element = k.element
group by k.version, k.run, k.step, k.element, e.word order by min(e.item), min(e.pos)
-- name: asked_by
with wanted(version, run, step) as (values {})
select k.version, k.run, k.step, w.text, a.text, min(l.item), max(l.item)
from wanted k cross join lookup l indexed by lookup_version on l.version = k.version and l.run = k.run and l.step = k.step
and l.version is not null cross join word w on w.id = l.artifact left join word a on a.id = l.asked
group by k.version, k.run, k.step, l.artifact, l.asked order by min(l.item), min(l.pos)
-- How many steps took a version or looked it up; looks at so many of either at most.
-- name: count_takers
with wanted(version) as (values {})
select version, (select count(*) from (
  select * from (select distinct e.run, e.step from edge e indexed by edge_input where e.version = wanted.version and e.way = 0 limit ?)
  union select * from (select distinct l.run, l.step from lookup l indexed by lookup_version where l.version = wanted.version
    and l.version is not null limit ?))) from wanted
-- name: copies
select v.origin, v.seq from version v where v.origin in ({}) and v.deleted < 2 order by v.seq desc
-- name: lead_on
with wanted(version) as (values {})
select version from wanted k where exists (select 1 from edge e indexed by edge_input where e.version = k.version and e.way = 0)
or exists (select 1 from lookup l indexed by lookup_version where l.version = k.version and l.version is not null)
or exists (select 1 from version o join version v on v.origin = o.uid where o.seq = k.version)
