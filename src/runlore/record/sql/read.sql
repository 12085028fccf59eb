-- Statements that only read. Column order is that of the functions in rows.py.

-- name: run_columns
select t.seq, t.uid, p.name, t.pipeline_version, t.number, t.name, t.status, t.created, t.ended, t.duration, t.parameters,
  t.config, t.environment, t.code, t.user, t.host, t.git_commit, t.origin, t.trigger, t.failure, t.outputs
-- name: run_tables
run t cross join pipeline p on p.id = t.pipeline
-- name: version_columns
select t.seq, t.uid, a.name, t.number, t.label, t.created, t.save_type, k.materializer, k.type, k.artifact_type, t.digest,
  t.size, t.form, cast(d.data as blob), t.meta, t.run, t.step, t.item, t.pos, t.origin, t.deleted
-- name: version_tables
version t cross join artifact a on a.id = t.artifact cross join kind k on k.id = t.kind
left join payload d on d.digest = t.digest and t.form = 0
-- name: pipeline_columns
select t.id, t.name, t.version, t.runs, t.last_number, t.created
-- name: pipeline_tables
pipeline t
-- name: artifact_columns
select t.id, t.name, coalesce((select v.nth from version v where v.artifact = t.id
  order by v.number desc, v.seq desc limit 1), 0) - t.gone, t.created
-- name: artifact_tables
artifact t

-- name: steps
select run, idx, name, definition, status, started, ended, duration, parameters, upstream, origin_run, origin_idx, tasks,
  config, cache_note from step where run = ? order by idx
-- name: step
select run, idx, name, definition, status, started, ended, duration, parameters, upstream, origin_run, origin_idx, tasks,
  config, cache_note from step where run = ? and idx = ?
-- name: tasks
select run, step, item, attempt, status, started, ended, key, failure, wall, cpu, memory, gpu_memory, origin_run,
  origin_idx, origin_item from task where run = ? and step = ? order by item, attempt
-- name: tasks_of_item
select run, step, item, attempt, status, started, ended, key, failure, wall, cpu, memory, gpu_memory, origin_run,
  origin_idx, origin_item from task where run = ? and step = ? and item = ? order by attempt
-- name: edges
select e.run, e.step, e.item, e.way, e.pos, w.text, e.version, e.element from edge e join word w on w.id = e.word
where e.run = ? order by e.step, e.item, e.way, e.pos
-- name: edges_of_step
select e.run, e.step, e.item, e.way, e.pos, w.text, e.version, e.element from edge e join word w on w.id = e.word
where e.run = ? and e.step = ? order by e.item, e.way, e.pos
-- name: edges_of_item
select e.run, e.step, e.item, e.way, e.pos, w.text, e.version, e.element from edge e join word w on w.id = e.word
where e.run = ? and e.step = ? and e.item = ? order by e.way, e.pos
-- name: consumers
select e.run, e.step, e.item, e.way, e.pos, w.text, e.version, e.element from edge e join word w on w.id = e.word
where e.version = ?1 and e.way = 0
union all select l.run, l.step, l.item, 3, l.pos, 'artifact:' || w.text || coalesce('@' || a.text, ''), l.version, null
from lookup l join word w on w.id = l.artifact left join word a on a.id = l.asked where l.version = ?1
order by 1, 2, 3, 4, 5
-- name: looked_up
select w.text, a.text, l.version, l.code from lookup l join word w on w.id = l.artifact left join word a on a.id = l.asked
where l.run = ? and l.step = ? order by l.item, l.pos
-- name: looked_up_of_item
select w.text, a.text, l.version, l.code from lookup l join word w on w.id = l.artifact left join word a on a.id = l.asked
where l.run = ? and l.step = ? and l.item = ? and l.pos >= ? and l.pos < ? order by l.pos

-- Where a collection's items are: with its producer, or with the version whose bytes it took over.
-- name: collection_home
select v.run, v.step, v.pos, o.run, o.step, o.pos from version v left join version o on o.uid = v.origin where v.seq = ? and v.deleted < 2
-- name: items
select i.item, k.materializer, k.type, k.artifact_type, i.digest, i.size, i.form, cast(d.data as blob), i.meta
from item i join kind k on k.id = i.kind left join payload d on d.digest = i.digest and i.form = 0
where i.run = ? and i.step = ? and i.item >= ? and i.item < ? and i.pos = ? order by i.item
-- name: items_of_task
select i.item, k.materializer, k.type, k.artifact_type, i.digest, i.size, i.form, cast(d.data as blob), i.meta, w.text, i.pos
from item i join kind k on k.id = i.kind join word w on w.id = i.word left join payload d on d.digest = i.digest and i.form = 0
where i.run = ? and i.step = ? and i.item = ? order by i.pos
-- name: payload
select cast(data as blob) from payload where digest = ?
-- name: pictures
select p.kind, p.name, p.media_type, p.size, p.digest, cast(d.data as blob) from picture p
join version v on v.seq = p.version and v.deleted = 0 left join payload d on d.digest = p.digest
where p.version = ? and p.element = ? order by p.pos
-- name: definition
select id, digest, body from definition where id = ?

-- name: notes
select text, user, at from note where kind = ? and owner = ? and step = ? order by id
-- The current value of a key is its newest row; keys come in the order of their first rows.
-- name: metadata
select w.text, e.value, e.at from (select min(id) first, max(id) last from entry where kind = ? and owner = ? and step = ?
  group by key) k join entry e on e.id = k.last join word w on w.id = e.key order by k.first
-- name: origin_of_step
select origin_run, origin_idx from step where run = ? and idx = ? and origin_run is not null
-- name: metadata_history
select w.text, e.value, e.at from entry e join word w on w.id = e.key
where e.kind = ? and e.owner = ? and e.step = ? and w.text = ? order by e.id
-- name: tags
-- indexed by: otherwise SQLite reads all tags of the kind, since the index does not hold `system`
select w.text, t.system from tag t indexed by tag_owner join word w on w.id = t.word
where t.kind = ? and t.owner = ? and t.step = ?
order by w.text
-- name: last_logged
select max(attempt) from log where run = ? and step = ? and item = ?
-- name: logs
select step, item, attempt, part, text from log where run = ? and step = ? and item = ? and attempt = ? and part >= ?
order by part
-- name: next_logged
select step, item, attempt from log where run = ? and (step, item, attempt) > (?, ?, ?) and (step, item) < (?, ?)
order by step, item, attempt limit 1
-- name: events
select seq, run, step, item, status, at from event where seq > ? order by seq limit ?
-- name: leases
select l.run, r.uid, l.token, l.host, l.boot, l.pid, l.born, l.beat from lease l join run r on r.seq = l.run order by l.run

-- name: metrics
select m.run, m.step, w.text, m.count, m.last, m.lo, m.hi from metric m join word w on w.id = m.key where m.run = ?
-- What cached steps took over is in facts alone: kinds 3 to 6 are last, least, greatest and number.
-- name: metrics_taken
select f.owner, f.step, w.text, n.num, f.num, lo.num, hi.num from fact f
join fact n on n.kind = 6 and n.owner = f.owner and n.key = f.key and n.step = f.step
left join fact lo on lo.kind = 4 and lo.owner = f.owner and lo.key = f.key and lo.step = f.step
left join fact hi on hi.kind = 5 and hi.owner = f.owner and hi.key = f.key and hi.step = f.step
join word w on w.id = f.key
where f.kind = 3 and f.owner = ? and f.step >= 0
and not exists (select 1 from metric m where m.run = f.owner and m.step = f.step and m.key = f.key)
-- name: last_measured
select max(attempt) from point where run = ? and step = ? and item = ?
and key = (select id from word where text = ?)
-- name: points
select value, progress, at, count from point where run = ? and step = ? and item = ? and attempt = ?
and key = (select id from word where text = ?) and part >= ? order by part
-- name: aliases
select a.name, w.text, l.version, l.at from alias l join artifact a on a.id = l.artifact join word w on w.id = l.word
where a.name = ? order by w.text
-- name: aliases_of_version
select a.name, w.text, l.version, l.at from alias l join artifact a on a.id = l.artifact join word w on w.id = l.word
where l.version = ? order by w.text
-- name: alias_history
select a.name, w.text, m.version, m.at from artifact a cross join word w cross join alias_move m
on m.artifact = a.id and m.word = w.id where a.name = ? and w.text = ? order by m.id
-- name: aliased
select l.version from alias l where l.artifact = (select id from artifact where name = ?)
and l.word = (select id from word where text = ?)
-- Versions that nothing refers to.
-- name: unused
select seq from version where deleted = 0 and seq not in (select version from edge)
and seq not in (select version from alias) and seq not in (select version from lookup where version is not null)
and uid not in (select origin from version where origin is not null and deleted = 0) order by seq

-- Most look-ups find nothing, and this tells so in half the time. The last column: the attempt, if it looked anything up.
-- name: cached
select run, step, item, ended, case when exists(select 1 from lookup l where l.run = task.run and l.step = task.step
  and l.item = task.item) then attempt end from task where key = ? and status = 2 and run < ?
order by run desc, step desc, item desc, attempt desc limit 1 offset ?
-- The versions that a task gave, in declared order.
-- name: outputs_of_task
select w.text, v.seq, v.uid, a.name, v.number, v.label, v.created, v.save_type,
  k.materializer, k.type, k.artifact_type, v.digest, v.size, v.form, cast(d.data as blob), v.meta, v.run, v.step, v.item, v.pos, v.origin,
  v.deleted
from edge e cross join word w on w.id = e.word cross join version v on v.seq = e.version
cross join artifact a on a.id = v.artifact cross join kind k on k.id = v.kind
left join payload d on d.digest = v.digest and v.form = 0
where e.run = ? and e.step = ? and e.item = ? and e.way = 1 order by e.pos
-- What follows a task in its run: first the tasks, then what they gave, up to the last of them.
-- name: tasks_after
select step, item, ended, key from task
where run = ? and (step, item) > (?, ?) and status = 2 and key is not null and not exists(select 1 from lookup l
  where l.run = task.run and l.step = task.step and l.item = task.item) order by step, item limit ?
-- name: outputs_after
select e.step, e.item, w.text, v.seq, v.uid, a.name, v.number, v.label, v.created, v.save_type,
  k.materializer, k.type, k.artifact_type, v.digest, v.size, v.form, cast(d.data as blob), v.meta, v.run, v.step, v.item, v.pos, v.origin,
  v.deleted
from edge e cross join word w on w.id = e.word cross join version v on v.seq = e.version
cross join artifact a on a.id = v.artifact cross join kind k on k.id = v.kind
left join payload d on d.digest = v.digest and v.form = 0
where e.run = ? and (e.step, e.item) > (?, ?) and (e.step, e.item) <= (?, ?) and e.item >= 0 and e.way = 1
order by e.step, e.item, e.pos
-- name: items_after
select i.step, i.item, w.text, i.item, k.materializer, k.type, k.artifact_type, i.digest, i.size, i.form, cast(d.data as blob), i.meta
from item i join kind k on k.id = i.kind join word w on w.id = i.word left join payload d on d.digest = i.digest and i.form = 0
where i.run = ? and (i.step, i.item) > (?, ?) and (i.step, i.item) <= (?, ?) order by i.step, i.item, i.pos
-- name: known_keys
select distinct key from task where status = 2 and key in ({})
-- name: collection_edges
select w.text, e.pos from edge e join word w on w.id = e.word
where e.run = ? and e.step = ? and e.item = -1 and e.way = 1 order by e.pos
-- name: last_execution
select run, idx from executed where pipeline = (select id from pipeline where name = ?) and name = ? and run < ?
order by run desc, idx desc limit 1

-- Totals come from counters and from the ends of indexes.
-- name: count_pipelines
select count(*) from pipeline
-- name: count_artifacts
select count(*) from artifact t where exists (select 1 from version v where v.artifact = t.id and v.deleted < 2)
-- name: count_runs
select coalesce(sum(runs), 0) from pipeline
-- name: count_runs_of_pipeline
select coalesce(sum(runs), 0) from pipeline where name = ?
-- name: count_versions
select coalesce(max(seq), 0) - (select coalesce(sum(gone), 0) from artifact) from version
-- name: count_versions_of_artifact
select coalesce(sum(coalesce((select v.nth from version v where v.artifact = t.id
  order by v.number desc, v.seq desc limit 1), 0) - t.gone), 0) from artifact t where t.name = ?
