-- Invariants of the record. Each statement finds what breaks one, as (subject, message).

-- name: running_without_lease
select 'run ' || r.seq, 'It is running, but nobody owns it.' from run r
where r.status < 2 and not exists (select 1 from lease l where l.run = r.seq)
-- name: lease_without_running
select 'run ' || l.run, 'It has an owner, but is not running.' from lease l
where not exists (select 1 from run r where r.seq = l.run and r.status < 2)
-- name: finished_run_with_open_steps
select 'run ' || s.run || ' step ' || s.idx, 'The run has ended, but the step has not.' from run r
join step s on s.run = r.seq where r.status >= 2 and s.status < 2
-- name: finished_without_end
select 'run ' || seq, 'It is final, but has no end.' from run where (status >= 2) <> (ended is not null)
-- name: step_without_run
select 'run ' || run || ' step ' || idx, 'Its run is not there.' from step
where run not in (select seq from run)
-- name: step_without_definition
select 'run ' || run || ' step ' || idx, 'Its definition is not there.' from step
where definition not in (select id from definition)
-- name: task_without_step
select 'run ' || t.run || ' step ' || t.step || ' item ' || t.item, 'Its step is not there.' from task t
where not exists (select 1 from step s where s.run = t.run and s.idx = t.step)
-- name: edge_without_version
select 'run ' || e.run || ' step ' || e.step, 'It refers to version ' || e.version || ', which is not there.' from edge e
where e.version not in (select seq from version)
-- name: edge_without_step
select 'run ' || e.run || ' step ' || e.step, 'An input or output belongs to no step.' from edge e
where not exists (select 1 from step s where s.run = e.run and s.idx = e.step)
-- name: lookup_without_task
select 'run ' || l.run || ' step ' || l.step, 'Something looked up by name belongs to no task.' from lookup l
where not exists (select 1 from task t where t.run = l.run and t.step = l.step and t.item = l.item)
-- name: lookup_without_version
select 'run ' || run || ' step ' || step, 'It looked up version ' || version || ', which is not there.' from lookup
where version is not null and version not in (select seq from version)
-- name: version_without_artifact
select 'version ' || seq, 'Its artifact is not there.' from version where artifact not in (select id from artifact)
-- name: payload_missing
select 'version ' || v.seq, 'It is kept in the record, but its bytes are not there.' from version v
join kind k on k.id = v.kind where v.form = 0 and v.deleted = 0 and k.materializer <> 'collection'
and not exists (select 1 from payload p where p.digest = v.digest)
-- name: item_payload_missing
select 'run ' || i.run || ' step ' || i.step || ' item ' || i.item, 'Its bytes are not there.' from item i
where i.form = 0 and not exists (select 1 from payload p where p.digest = i.digest)
-- name: picture_without_version
select 'version ' || version, 'A picture shows it, but it is not there.' from picture where version not in (select seq from version)
-- name: picture_payload_missing
select 'version ' || p.version, 'The bytes of its picture ' || p.name || ' are not there.' from picture p
where p.digest is not null and not exists (select 1 from payload d where d.digest = p.digest)
-- name: payload_without_owner
select 'payload ' || lower(hex(p.digest)), 'Nothing refers to these bytes.' from payload p
where p.digest not in (select digest from version where form = 0 and (deleted = 0 or seq in (select version from condemned)))
and p.digest not in (select digest from item where form = 0) and p.digest not in (select digest from spared where form = 0)
and p.digest not in (select digest from picture where digest is not null)
-- name: condemned_without_version
select 'version ' || c.version, 'It is marked to go, but is not there, or does not read as deleted.' from condemned c
where not exists (select 1 from version v where v.seq = c.version and v.deleted = 1)
-- name: mark_missing
select 'mark ' || m.mark, 'Something that is marked to go has no mark.' from (select mark from condemned union select mark from dead) m
where m.mark not in (select id from mark)
-- name: run_count
select 'pipeline ' || p.name, 'It counts ' || p.runs || ' runs and has ' || count(r.seq) || '.' from pipeline p
left join run r on r.pipeline = p.id group by p.id having p.runs <> count(r.seq)
-- name: run_number
select 'pipeline ' || p.name, 'Its last number is ' || p.last_number || ', but a run has ' || max(r.number) || '.'
from pipeline p join run r on r.pipeline = p.id group by p.id having max(r.number) > p.last_number
-- name: version_count
select 'artifact ' || a.name, 'Its versions are counted wrongly.' from artifact a
join version v on v.artifact = a.id group by a.id having max(v.nth) - a.gone <> sum(v.deleted < 2)
-- name: version_order
select 'version ' || seq, 'Its number is lower than that of the version before.' from (
  select seq, number, lag(number) over (partition by artifact order by seq) as last from version) where number < last
-- name: fact_without_owner
select 'run ' || f.owner, 'A searchable value belongs to a run that is not there.' from fact f
where f.kind in (0, 1, 3, 4, 5, 6) and f.owner not in (select seq from run)
-- name: fact_outside_zone
select 'fact ' || w.text || ' of ' || f.owner, 'A range may pass over its value ' || f.num || '.' from fact f
join word w on w.id = f.key left join zone z on z.kind = f.kind and z.key = f.key and z.level = 0 and z.block = f.owner / 32
where f.num is not null and (z.lo is null or f.num < z.lo or f.num > z.hi)
-- name: run_outside_zone
select 'run ' || r.seq, 'A range may pass over the time at which it began.' from run r
left join zone z on z.kind = 7 and z.key = 0 and z.level = 0 and z.block = r.seq / 32
where z.lo is null or r.created < z.lo or r.created > z.hi
-- name: zone_outside_zone
select 'zone ' || z.block || ' of ' || coalesce(w.text, 'times'), 'A range may pass over it.' from zone z left join word w on w.id = z.key
left join zone y on y.kind = z.kind and y.key = z.key and y.level = 1 and y.block = z.block / 32
where z.level = 0 and (y.lo is null or z.lo < y.lo or z.hi > y.hi)
-- name: metric_without_run
select 'run ' || run, 'A metric belongs to a run that is not there.' from metric where run not in (select seq from run)
-- name: metric_count
select 'run ' || m.run || ' metric ' || w.text, 'It counts ' || m.count || ' points and has ' || coalesce(sum(p.count), 0) || '.'
from metric m join word w on w.id = m.key left join point p on p.run = m.run and p.step = m.step and p.key = m.key
group by m.run, m.step, m.key having m.count <> coalesce(sum(p.count), 0)
-- name: point_without_metric
select distinct 'run ' || p.run || ' step ' || p.step, 'A measured value belongs to no metric.' from point p
where not exists (select 1 from metric m where m.run = p.run and m.step = p.step and m.key = p.key)
-- name: point_columns
select 'run ' || run || ' step ' || step, 'A stretch of measured values is not as long as it says.' from point
where length(value) <> 8 * count or length(at) <> 8 * count or (typeof(progress) = 'blob' and length(progress) <> 8 * count)
-- name: alias_without_version
select 'alias ' || w.text || ' of ' || a.name, 'It stands for a version that its artifact does not have.' from alias l
join word w on w.id = l.word join artifact a on a.id = l.artifact
where not exists (select 1 from version v where v.seq = l.version and v.artifact = l.artifact)
