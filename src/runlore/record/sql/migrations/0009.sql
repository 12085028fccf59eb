-- Schema 9: runs and versions in the order of what people sort them by; docs/design/schema.md.

create index run_by_number on run(number);
create index run_ended on run(ended);
create index run_duration on run(duration);
create index version_created on version(created);
create index version_size on version(size);
