-- Schema 4: zones over the times at which runs began; docs/design/schema.md says what they are for.

insert into zone(kind, key, level, block, lo, hi)
select 7, 0, 0, seq / 32, min(created), max(created) from run group by seq / 32;
insert into zone(kind, key, level, block, lo, hi)
select 7, 0, 1, block / 32, min(lo), max(hi) from zone where kind = 7 and level = 0 group by block / 32;
