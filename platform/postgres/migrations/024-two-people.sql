-- What makes two accounts two people (docs/decisions/024-two-people.md): one staff number stands at one account that can sign in, and who had an account's password
-- or rights in hand does not count as a second person beside it until its owner has had it to himself for a while.
alter table account add column staff_no text;
create unique index account_staff_no on account (staff_no) where state = 'active';

create table account_hand (
  seq bigint generated always as identity primary key,
  account_id uuid not null references account (id),
  hand text not null,                       -- the account that had it in hand
  what text not null check (what in ('created', 'reset', 'rights')),
  at timestamptz not null,
  until timestamptz                         -- null: its owner has not chosen a password of his own yet
);
create index account_hand_account on account_hand (account_id);

-- What one person did again without a second, by order: many small ones are a great one, one after the other and of several people (reliability.md A15).
create table done_alone (
  seq bigint generated always as identity primary key,
  at timestamptz not null,
  who text not null,
  account text,
  order_key text,                           -- null: of no order, or not known any more
  items integer not null,
  fen bigint not null                       -- whatever the signs
);
create index done_alone_at on done_alone (at);
create index done_alone_order on done_alone (order_key, at) where order_key is not null;
insert into done_alone (at, who, account, items, fen)
  select j.started_at, j.requested_by, j.requested_account, (j.counts->>'planned')::integer, (j.counts->>'grossFen')::bigint
  from replay_job j where j.approved_by is null and j.started_at > huiliu_now() - interval '24 hours';
