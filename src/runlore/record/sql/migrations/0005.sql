-- Schema 5: what is being pruned; docs/design/blobs.md, "Pruning", says how.

create table mark(id integer primary key autoincrement, at int not null, holders text);
create table condemned(version integer primary key, part int not null, mark int not null,
  was int not null);
create table dead(digest blob primary key, mark int not null) without rowid;
create table spared(digest blob not null, form int not null, primary key (digest, form)) without rowid;
