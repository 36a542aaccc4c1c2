-- One life of the server, from one crash to the next. Unlogged: crash recovery empties it, and whoever comes first writes a new one; a stop in good order keeps it.
--
-- A COMMIT without an answer is looked up by its transaction number (platform/postgres/group-commit.ts). A crash forgets the numbers of transactions that were not on
-- the disk yet and gives them out again, so that another transaction's "committed" would be read as ours. A number counts only in the life it was given in.
create unlogged table server_life (
  only_row boolean primary key default true check (only_row),
  id uuid not null default gen_random_uuid()
);
insert into server_life default values;
