-- What is said about many runs or versions at once. The braces take the placeholders of as many sequences.

-- name: tags
select t.owner, w.text, t.system from tag t join word w on w.id = t.word
where t.kind = ? and t.step = 0 and t.owner in ({}) order by t.owner, w.text
-- The current value of a key is its newest row; keys come in the order of their first rows.
-- name: entries
select k.owner, k.step, w.text, e.value, e.at from (select owner, step, key, min(id) first, max(id) last from entry
  where kind = ? and owner in ({}) group by owner, step, key) k
join entry e on e.id = k.last join word w on w.id = e.key order by k.first
-- name: origins
select run, idx, origin_run, origin_idx from step where run in ({}) and origin_run is not null
-- name: metrics
select m.run, m.step, w.text, m.count, m.last, m.lo, m.hi from metric m join word w on w.id = m.key where m.run in ({})
-- What cached steps took over is in facts alone; see read.sql.
-- name: metrics_taken
select f.owner, f.step, w.text, n.num, f.num, lo.num, hi.num from fact f
join fact n on n.kind = 6 and n.owner = f.owner and n.key = f.key and n.step = f.step
left join fact lo on lo.kind = 4 and lo.owner = f.owner and lo.key = f.key and lo.step = f.step
left join fact hi on hi.kind = 5 and hi.owner = f.owner and hi.key = f.key and hi.step = f.step
join word w on w.id = f.key
where f.kind = 3 and f.owner in ({}) and f.step >= 0
and not exists (select 1 from metric m where m.run = f.owner and m.step = f.step and m.key = f.key)
