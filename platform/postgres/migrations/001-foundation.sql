-- Huiliu's tables. Words, states and decisions: design.md sections 2 and 5.
--
-- Partitioned tables (message, message_history, event, write_back_body, attempt) are cut by day in China time at the UUID v7 of the message:
-- its first 48 bits are the milliseconds of receipt. Days are made ahead by the engine (platform/postgres/partitions.ts); what fits no day
-- lands in the default partition. Identities, keys and open work stand outside, so that a day can be dropped (decision 5).

-- Time: every statement asks huiliu_now(), once, as `(select huiliu_now())`; tests move the offset (decision 22).
create table huiliu_clock (
  only_row boolean primary key default true check (only_row),
  shift interval not null default interval '0'
);
insert into huiliu_clock default values;

-- STABLE although clock_timestamp() moves on: one reading per statement is what every caller wants, and indexes can then be used with it.
create function huiliu_now() returns timestamptz language sql stable parallel safe
  return clock_timestamp() + (select shift from huiliu_clock);

-- One row per start of an engine process. The process holds the session advisory lock (WORKER_LOCK_CLASS, id) while it lives.
create table worker (
  id integer generated always as identity primary key,
  name text not null,
  started_at timestamptz not null,
  seen_at timestamptz not null
);

-- The journal ---------------------------------------------------------------------------------------------------------------------------------

create sequence message_seq as bigint cache 1;

create table message (
  id uuid not null primary key,
  seq bigint not null,
  door text not null check (door in ('amqp', 'http', 'replay')),
  partner text not null,
  kind text not null,
  identity text,
  exchange_id text,
  content_type text,
  charset text,
  headers jsonb not null,
  raw bytea,                      -- null only while an exchange lacks its request
  reply bytea,
  return_value text,
  traceparent text,
  received_at timestamptz not null,
  state text not null check (state in ('awaiting-part', 'received', 'settled', 'duplicate', 'parked', 'resolved')),
  state_at timestamptz not null,
  lease_worker integer,
  lease_until timestamptz,
  lease_token bigint not null default 0,
  run integer not null default 0,
  replayed boolean not null default false,
  park jsonb,                     -- ParkReason
  duplicate_of uuid,
  flow text,
  check (raw is not null or state not in ('received', 'settled', 'duplicate'))
) partition by range (id);
create table message_default partition of message default;
create index message_open on message (seq) where state = 'received';
create index message_parked on message (id) where state = 'parked';
create index message_awaiting on message (received_at) where state = 'awaiting-part';

create table message_history (
  message_id uuid not null,
  at timestamptz not null,
  state text not null,
  by text not null,               -- 'journal', 'flow', or the person
  note text
) partition by range (message_id);
create table message_history_default partition of message_history default;
create index message_history_of on message_history (message_id, at);

-- For ever: a sender's identity → the message that carried it first.
create table message_identity (
  partner text not null,
  identity text not null,
  message_id uuid not null,
  fingerprint bytea not null,
  primary key (partner, identity)
);

-- For ever: an identity that came again with other bytes → the parked message, so that the same conflict sent again is not parked twice.
create table message_conflict (
  partner text not null,
  identity text not null,
  fingerprint bytea not null,
  message_id uuid not null,
  primary key (partner, identity, fingerprint)
);

-- For ever: the parts of DLL exchanges that came as two messages.
create table exchange_part (
  partner text not null,
  kind text not null,
  exchange_id text not null,
  part text not null check (part in ('request', 'reply')),
  message_id uuid not null,
  fingerprint bytea not null,
  received_at timestamptz not null,
  primary key (partner, kind, exchange_id, part)
);

-- Facts ---------------------------------------------------------------------------------------------------------------------------------------

-- For ever: the business identity of a fact → the event and message that told it first.
create table business_identity (
  partner text not null,
  identity text not null,
  message_id uuid not null,
  event_id text not null,
  fingerprint text not null,
  primary key (partner, identity)
);

-- For ever: search. UUID v7 makes the newest message of a value the last of its index entries.
create table business_key (
  kind text not null,
  value text not null,
  message_id uuid not null,
  partner text not null,
  at timestamptz not null,
  primary key (value, kind, message_id)
);

create sequence event_seq as bigint cache 1;

create table event (
  message_id uuid not null,
  id text not null,
  seq bigint not null,
  ordinal integer not null,       -- place among the events of its settlement
  type text not null,
  subject text,
  partner text not null,
  business_date date,
  time timestamptz,               -- the partner's clock: occurredAt
  stored_at timestamptz not null,
  published boolean not null,     -- somebody asked for it to be published
  body text not null,             -- the CloudEvent as published, JSON
  primary key (message_id, id)
) partition by range (message_id);
create table event_default partition of event default;

-- Events owed to the broker: a row is deleted once the broker confirmed it.
create table outbox (
  seq bigint primary key,
  event_id text not null,
  message_id uuid not null,
  body text not null
) with (autovacuum_vacuum_scale_factor = 0.02);

-- Events owed to event-in nodes: a row is deleted when its flow settled; a parked one stays for a person.
create table event_delivery (
  subscriber text not null,
  event_id text not null,
  message_id uuid not null,
  seq bigint not null,
  state text not null check (state in ('received', 'parked')),
  owed_at timestamptz not null,
  lease_worker integer,
  lease_until timestamptz,
  lease_token bigint not null default 0,
  run integer not null default 0,
  park jsonb,
  primary key (subscriber, event_id)
) with (autovacuum_vacuum_scale_factor = 0.02);
create index event_delivery_open on event_delivery (seq) where state = 'received';

-- What we know of a bill (domain/orders/rules.ts). Amounts in `book` are decimal strings of fen.
create table bill (
  key text primary key,
  book jsonb not null,
  changed_at timestamptz not null
);

-- Write-backs ---------------------------------------------------------------------------------------------------------------------------------

-- Given when a write-back enters its lane: at settlement, or when its bill is paid.
create sequence lane_seq as bigint cache 1;

create table write_back (
  id uuid not null primary key,
  key text not null unique,
  message_id uuid not null,
  destination text not null,
  kind text not null,
  mapping text not null,
  lane text not null,
  lane_seq bigint,                -- null while held
  bill text,                      -- the bill it waits for, or waited for (when = bill-paid)
  cause_event_id text not null,
  cause_type text not null,
  content_type text not null,
  charset text not null,
  amount_fen bigint,
  serial text,
  business_date date not null,
  flow text not null,
  node text not null,
  state text not null check (state in ('held', 'queued', 'waiting', 'sending', 'deferred', 'parked', 'acknowledged', 'resolved')),
  action text not null default 'send' check (action in ('send', 'ask', 'park')),   -- what the next claim does; while sending, what this one does
  because text check (because in ('lease-expired', 'answer-overdue', 'replay')),    -- why it came back, where that decides what a person reads
  next_at timestamptz,
  lease_worker integer,
  lease_until timestamptz,
  claimed_at timestamptz,
  token bigint not null default 0,
  attempts integer not null default 0,   -- all attempts, asks among them
  asks integer not null default 0,
  last_outcome text,
  last_status integer,
  last_code text,
  last_text text,
  last_why text,
  last_at timestamptz,
  may_have_taken_effect boolean not null default false,
  owed_at timestamptz not null,
  first_sent_at timestamptz,
  last_possible_send_at timestamptz,     -- during a send: the end of its lease; afterwards: its end, if a byte may have left us
  possible_send_before timestamptz,      -- what last_possible_send_at was before the present claim
  closed_at timestamptz,
  receipt jsonb,                  -- Receipt; fen as a string
  how text check (how in ('reply', 'already-done', 'inquiry', 'message', 'person')),
  park jsonb,                     -- {code, zh, en, advice{zh,en}}
  replay_of uuid,                 -- reserved for edited copies
  replays integer not null default 0,
  resolved_by text,
  resolution text check (resolution in ('done-by-hand', 'cancelled', 'superseded')),
  resolution_reason text,
  his_receipt_no text,
  check (lane_seq is not null or state = 'held'),
  check (closed_at is not null or state not in ('acknowledged', 'resolved'))
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
-- A lane has at most one head: a second one is a bug that must not commit.
create unique index write_back_head on write_back (destination, lane) where state in ('waiting', 'sending', 'deferred', 'parked');
create index write_back_queue on write_back (destination, lane, lane_seq) where state = 'queued';
create index write_back_due on write_back (destination, next_at, lane_seq) where state in ('waiting', 'deferred');
create index write_back_sending on write_back (destination, lease_until) where state = 'sending';
create index write_back_held on write_back (bill) where state = 'held';
create index write_back_parked on write_back (id) where state = 'parked';
create index write_back_message on write_back (message_id);
create index write_back_day on write_back (business_date, destination);

create table write_back_body (
  message_id uuid not null,
  write_back_id uuid not null,
  body bytea not null,
  primary key (message_id, write_back_id)
) partition by range (message_id);
create table write_back_body_default partition of write_back_body default;

-- Append-only but for its end. A row without ended_at is an attempt in flight, or one whose end nobody saw.
create table attempt (
  message_id uuid not null,
  write_back_id uuid not null,
  n integer not null,
  action text not null check (action in ('send', 'ask', 'park')),   -- park: the claimer only parks it, nothing is sent
  started_at timestamptz not null,
  ended_at timestamptz,
  worker integer not null,
  outcome text,
  step text,
  status integer,
  code text,
  text text,
  why text,
  reply bytea,
  primary key (message_id, write_back_id, n)
) partition by range (message_id);
create table attempt_default partition of attempt default;

-- People --------------------------------------------------------------------------------------------------------------------------------------

create table operator_action (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  who text not null,
  action text not null,
  target_kind text not null,      -- message, write-back, event-delivery, destination …
  target_id text not null,
  reason text not null,
  approved_by text,
  before jsonb,
  after jsonb
);
create index operator_action_target on operator_action (target_kind, target_id, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'operator_action is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger operator_action_append_only before update or delete or truncate on operator_action
  for each statement execute function refuse_change();
