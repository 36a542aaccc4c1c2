-- Alarms (domain/alarms) and retention (domain/retention).

-- One row from the moment a condition is first seen; what is told hangs on started_at and ended_at. All graces are counted from the rows, so that whoever leads
-- after a restart goes on where the last one stood.
create table alarm (
  id bigint generated always as identity primary key,
  kind text not null,                       -- domain/alarms/kinds.ts
  subject text not null,
  severity text not null check (severity in ('warn', 'page')),   -- only ever gets graver
  since timestamptz not null,               -- the condition was first seen
  started_at timestamptz,                   -- it had held for its grace: told
  seen_at timestamptz not null,
  clear_since timestamptz,                  -- the condition is gone since
  ended_at timestamptz,
  details jsonb not null,                   -- ids, names and numbers; never personal data
  owner text,
  note text,
  acknowledged_by text,
  acknowledged_at timestamptz,
  snoozed_until timestamptz                 -- a notice that it got graver waits until then
) with (fillfactor = 70);
create unique index alarm_open on alarm (kind, subject) where ended_at is null;
create index alarm_started on alarm (id) where started_at is not null;

-- What is owed to each sink: once for each alarm and happening. Told: told_at.
create table alarm_notice (
  id bigint generated always as identity primary key,
  alarm_id bigint not null references alarm (id),
  what text not null check (what in ('start', 'escalate', 'end')),
  sink text not null,
  severity text not null,
  details jsonb not null,
  at timestamptz not null,
  next_at timestamptz not null,
  tries integer not null default 0,
  last_error text,
  told_at timestamptz,
  unique (alarm_id, what, sink)
);
create index alarm_notice_due on alarm_notice (sink, id) where told_at is null;

-- Events that owe nothing although their like do: found once by a window that moves with time (alarms-unwritten.ts), looked at until a write-back is there.
create table unwritten_event (
  event_id text primary key,
  message_id uuid not null,
  partner text not null,
  type text not null,
  stored_at timestamptz not null,
  dismissed_by text                         -- a person said that none is wanted
);
create index unwritten_event_open on unwritten_event (partner, type, stored_at) where dismissed_by is null;
-- How far the window has come, and how often each kind of event owes a write-back.
create table unwritten_watch (
  only_row boolean primary key default true check (only_row),
  looked_to timestamptz not null
);
create table unwritten_habit (
  partner text not null,
  type text not null,
  written bigint not null,
  unwritten bigint not null,
  primary key (partner, type)
);

-- A worker that left in good order is not missed.
alter table worker add column left_at timestamptz;

-- Retention ------------------------------------------------------------------------------------------------------------------------------------

-- Every version of the policy; the greatest counts. None: the default of domain/retention/policy.ts.
create table retention_policy (
  version bigint primary key,
  policy jsonb not null,
  by text not null,
  reason text not null,
  at timestamptz not null
);

-- What was simulated, and what may therefore be run within an hour.
create table retention_simulation (
  hash text primary key,
  at timestamptz not null,
  by text not null
);

-- Days whose content is gone. Whoever asks for such a message is told so, not that there was none.
create table retention_drop (
  day date not null,
  content text not null check (content in ('messages', 'events', 'bodies', 'attempts')),
  at timestamptz not null,
  rows bigint not null,
  rows_exact boolean not null,
  bytes bigint not null,
  by text not null,
  audit_id bigint not null,
  primary key (day, content)
);

-- Nights on which the policy was carried out without anybody's asking.
create table retention_night (
  day date primary key,
  at timestamptz not null
);
