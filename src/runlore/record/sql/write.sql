-- Statements that change the record. Every one runs inside a transaction begun with `begin immediate`.

-- name: touch
update store set created = created
-- name: add_word
insert into word(text) values (?)
-- name: find_word
select id from word where text = ?
-- name: add_kind
insert into kind(materializer, type, artifact_type) values (?, ?, ?)
-- name: find_kind
select id from kind where materializer = ? and type = ? and artifact_type = ?
-- name: add_definition
insert into definition(digest, body) values (?, ?)
-- name: find_definition
select id from definition where digest = ?
-- name: add_artifact
insert into artifact(name, created) values (?, ?)
-- name: find_artifact
select id from artifact where name = ?

-- name: find_pipeline
select id, version, last_number, fingerprint from pipeline where name = ?
-- name: add_pipeline
insert into pipeline(name, version, runs, last_number, created, fingerprint) values (?, ?, 1, 1, ?, ?)
-- name: count_run
update pipeline set version = ?, runs = runs + ?, last_number = ?, fingerprint = ? where id = ?
-- name: uncount_run
update pipeline set runs = runs - 1 where id = ?

-- name: run_named
select 1 from run where name = ?
-- name: run_of_uid
select seq from run where uid = ?
-- name: add_run
insert into run(uid, pipeline, pipeline_version, number, name, status, created, definition, parameters, config,
  environment, code, user, host, git_commit, origin, trigger, outputs)
values (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}')
-- A run as it stands; its columns are those of run_columns in read.sql.
-- name: written_run
select seq, uid, ?, pipeline_version, number, name, status, created, ended, duration, parameters, config, environment, code,
  user, host, git_commit, origin, trigger, failure, outputs from run where seq = ?
-- name: add_lease
insert into lease(run, token, host, boot, pid, born) values (?, ?, ?, ?, ?, ?)
-- name: holds_lease
select 1 from lease where run = ? and token = ?
-- name: drop_lease
delete from lease where run = ?
-- name: renew_lease
update lease set beat = ? where run = ? and token = ?
-- name: lease_token
select token from lease where run = ?
-- name: move_lease
update lease set token = ?, host = ?, boot = ?, pid = ?, born = ?, beat = ? where run = ?
-- name: finish_run
update run set status = ?, ended = ?, duration = ?, failure = ?, outputs = ? where seq = ? and status < 2
-- name: interrupt_run
update run set status = ?, ended = ? where seq = ? and status < 2
-- name: describe_run
update run set environment = coalesce(?, environment), code = coalesce(?, code), git_commit = coalesce(?, git_commit),
  config = coalesce(?, config) where seq = ?
-- name: unfinished_steps
select idx, status from step where run = ? and status < 2
-- name: close_step
update step set status = ?, ended = ? where run = ? and idx = ? and status < 2

-- name: add_step
insert or ignore into step(run, idx, name, definition, status, parameters, upstream, tasks, config)
values (?, ?, ?, ?, 0, ?, ?, ?, ?)
-- name: start_step
update step set status = 1, started = ?, tasks = coalesce(?, tasks) where run = ? and idx = ? and status = 0
-- name: finish_step
update step set status = ?, ended = ?, duration = ?, origin_run = ?, origin_idx = ?, cache_note = ?
where run = ? and idx = ? and status < 2
-- name: step_tasks
select tasks from step where run = ? and idx = ?
-- Which pipeline and step names the executions of a run belong to, so that `last_execution` finds them. Noted once, at
-- the run's end: noted with every step, it would be one more page in every commit.
-- name: add_executed
insert or ignore into executed(pipeline, name, run, idx)
select r.pipeline, s.name, s.run, s.idx from run r cross join step s on s.run = r.seq
where r.seq = ? and s.status = 2 and s.origin_run is null

-- name: add_task
insert or ignore into task(run, step, item, attempt, status, started, ended, key, failure, wall, cpu, memory, gpu_memory,
  origin_run, origin_idx, origin_item)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: add_edge
insert or replace into edge(run, step, item, way, pos, word, version, element) values (?, ?, ?, ?, ?, ?, ?, ?)
-- name: add_lookup
insert or replace into lookup(run, step, item, pos, artifact, asked, version, code) values (?, ?, ?, ?, ?, ?, ?, ?)
-- name: add_item
insert or replace into item(run, step, item, pos, word, kind, digest, size, form, meta)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- Bytes that are there already are the same ones, or damaged, and then writing heals them.
-- name: add_payload
insert into payload(digest, data) values (?, ?) on conflict (digest)
do update set data = excluded.data where data is not excluded.data
-- name: has_bytes
select 1 from version where seq = ? and deleted = 0
-- name: drop_pictures
delete from picture where version = ? and element = ?
-- name: add_picture
insert or replace into picture(version, element, pos, kind, name, media_type, size, digest) values (?, ?, ?, ?, ?, ?, ?, ?)
-- name: add_event
insert into event(run, step, item, status, at) values (?, ?, ?, ?, ?)
-- name: add_log
insert or ignore into log(run, step, item, attempt, part, text) values (?, ?, ?, ?, ?, ?)

-- name: version_of_uid
select v.seq, coalesce(v.label, cast(v.number as text)) from version v where v.uid = ?
-- name: drop_condemned
delete from condemned where version = ?
-- name: undelete
update version set deleted = 0 where seq = ?1 and exists (select 1 from condemned c where c.version = ?1 and c.was = 0)
-- name: version_exists
select deleted from version where seq = ? and deleted < 2
-- The newest version of an artifact: what the next one counts on from.
-- name: newest_version
select number, nth from version where artifact = ? order by number desc, seq desc limit 1
-- name: version_taken
select 1 from version where artifact = ? and label = ? and deleted < 2
-- name: number_taken
select 1 from version where artifact = ? and number = ? and label is null and deleted < 2
-- name: add_version
insert or ignore into version(uid, artifact, number, nth, label, created, save_type, kind, digest, size, form, run, step, item, pos,
  origin, deleted, meta)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_entry
insert into entry(kind, owner, step, key, value, at) values (?, ?, ?, ?, ?, ?)
-- name: add_note
insert into note(kind, owner, step, text, user, at) values (?, ?, ?, ?, ?, ?)
-- name: has_entry
select 1 from entry where kind = ? and owner = ? and step = 0 and key = (select id from word where text = ?)
-- name: set_fact
insert or replace into fact(kind, owner, key, step, num, text) values (?, ?, ?, ?, ?, ?)
-- Facts below a key that is written again: `lr` and, as `lr.0`, what a list or dict held under it. Step -1 is every step.
-- name: facts_below
select f.key from fact f join word w on w.id = f.key where f.kind = ?1 and f.owner = ?2 and (?3 = -1 or f.step = ?3)
  and (w.text = ?4 or substr(w.text, 1, length(?4) + 1) = ?4 || '.')
-- name: drop_fact
delete from fact where kind = ?1 and owner = ?2 and key = ?3 and (?4 = -1 or step = ?4)
-- name: has_fact
select 1 from fact where kind = ? and owner = ? and key = ? and step = ?
-- name: fact_steps
select step from fact where kind = ? and owner = ? and key = ?
-- Facts of runs that a step noted or measured.
-- name: facts_of_step
select kind, key, num, text from fact where kind in (1, 3, 4, 5, 6) and owner = ? and step = ?
-- name: word_of
select text from word where id = ?
-- name: facts_of_run
select distinct kind, key from fact where kind in (0, 1, 3, 4, 5, 6) and owner = ? and num is not null

-- name: widen_zone
insert into zone(kind, key, level, block, lo, hi) values (?, ?, ?, ?, ?, ?) on conflict (kind, key, level, block)
do update set lo = min(lo, excluded.lo), hi = max(hi, excluded.hi) where excluded.lo < lo or excluded.hi > hi
-- name: bounds_of_facts
select min(num), max(num) from fact indexed by fact_new where kind = ? and key = ? and owner between ? and ?
-- name: bounds_of_zones
select min(lo), max(hi) from zone where kind = ? and key = ? and level = 0 and block between ? and ?
-- name: set_zone
update zone set lo = ?, hi = ? where kind = ? and key = ? and level = ? and block = ?
-- name: drop_zone
delete from zone where kind = ? and key = ? and level = ? and block = ?

-- name: add_point
insert or ignore into point(run, step, item, attempt, key, part, count, value, at, progress) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: metric_so_far
select count, lo, hi from metric where run = ? and step = ? and key = ?
-- name: set_metric
insert or replace into metric(run, step, key, count, last, lo, hi) values (?, ?, ?, ?, ?, ?, ?)

-- name: has_alias
select 1 from alias where artifact = ? and word = (select id from word where text = ?)
-- name: alias_holder
select version from alias where artifact = ? and word = ?
-- name: set_alias
insert or replace into alias(artifact, word, version, at) values (?, ?, ?, ?)
-- name: drop_alias
delete from alias where artifact = ? and word = ?
-- name: add_alias_move
insert into alias_move(artifact, word, version, at) values (?, ?, ?, ?)
-- name: artifact_of_version
select artifact from version where seq = ?

-- Whole rows of things that came and went within one batch, which knows their numbers: docs/design/schema.md, "The file".
-- name: last_run
select coalesce((select seq from sqlite_sequence where name = 'run'), 0)
-- name: last_version
select coalesce(max(seq), 0) from version
-- name: put_run
insert into run values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: put_step
insert into step values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: put_executed
insert into executed values (?, ?, ?, ?)
-- name: put_version
insert into version values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_tag
insert or ignore into tag(kind, word, owner, step, system) values (?, ?, ?, ?, ?)
-- name: drop_tag
delete from tag where kind = ? and word = ? and owner = ? and step = ? and system = 0

-- name: run_state
select pipeline, status from run where seq = ?
-- name: delete_run_events
delete from event where run = ? and seq < (select max(seq) from event)
-- name: delete_run_steps
delete from step where run = ?
-- name: delete_run_executed
delete from executed where pipeline = ? and run = ?
-- name: delete_run_tasks
delete from task where run = ?
-- name: delete_run_edges
delete from edge where run = ?
-- name: delete_run_lookups
delete from lookup where run = ?
-- name: delete_run_logs
delete from log where run = ?
-- name: delete_run_tags
delete from tag where kind in (1, 2) and owner = ?
-- name: delete_run_entries
delete from entry where kind in (1, 2) and owner = ?
-- name: delete_run_notes
delete from note where kind in (1, 2) and owner = ?
-- name: delete_run_points
delete from point where run = ?
-- name: delete_run_metrics
delete from metric where run = ?
-- name: delete_run_facts
delete from fact where kind in (0, 1, 3, 4, 5, 6) and owner = ?
-- name: delete_run
delete from run where seq = ?
