-- What all workers know of the doors: WS-Security digests that were used (a nonce counts once, whichever worker it comes to), and folders and views that cannot be looked into.
create table door_nonce (
  nonce text primary key,
  until timestamptz not null
);
create index door_nonce_until on door_nonce (until);
create table door_away (
  door text primary key,
  partner text not null,
  why text not null,
  since timestamptz not null default huiliu_now()
);
