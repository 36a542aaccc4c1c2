-- Several workers, and the broker as servant (docs/decisions/011-one-feeder.md, 012-a-wiped-broker.md).

-- The feeder's lead: whom its holder knows to be alive, and who asks for it. A newcomer journals nothing before it is seen; one that wishes gets it next.
alter table lead add column seen integer[] not null default '{}';
alter table lead add column wish integer;

-- What a flow told a sender who waits at another worker. Kept a day; only flows with an answer-sender node write here.
create table sender_answer (
  message_id uuid primary key,
  verdict text not null check (verdict in ('accepted', 'refused')),
  text text,
  at timestamptz not null
);

-- Events are found by their number where a subscriber is owed them again. Rows are appended in that order, so that block ranges are enough.
create index event_seq_range on event using brin (seq) with (pages_per_range = 16, autosummarize = on);

-- Which number events had reached at a moment: one row a minute. Turns "since nine o'clock" into a number.
create table event_mark (
  at timestamptz primary key,
  seq bigint not null
);

-- The broker's life. A broker without the queue named after the id has forgotten everything (design.md decision 1).
create table broker_epoch (
  only_row boolean primary key default true check (only_row),
  id uuid not null default gen_random_uuid(),
  marked_at timestamptz,                   -- when its marker was made first; null: no broker was ever seen
  wiped_at timestamptz,                    -- when it was last found without its marker
  wipes integer not null default 0
);
insert into broker_epoch default values;

-- Who reads events from a queue that the engine declares. What they have not read is published to that queue again after the broker was wiped.
create table subscriber (
  name text primary key,
  queue text not null unique,
  patterns text[] not null,
  source text not null check (source in ('profile', 'api', 'outsider')),   -- outsider: a queue of somebody else's, here only until it has what was asked for
  made_at timestamptz not null,
  removed_at timestamptz,                  -- no longer wanted: nothing is declared or owed
  checkpoint bigint not null,              -- every event up to this number has been read
  checkpoint_at timestamptz not null,
  empty_seq bigint,                        -- its queue was seen empty when events had reached this number …
  empty_at timestamptz,                    -- … at this time: proves that they were read once every delivery of then has timed out
  owed_from bigint,                        -- events after this number are owed to the queue once more; null: none
  owed_to bigint,                          -- and up to this one; null while the queue takes nothing
  owed_why text,                           -- wiped, queue-missing, stalled, asked
  owed_since timestamptz,
  stalled_since timestamptz,               -- the queue took nothing: it is off the exchange, so that others get theirs
  stalled_why text,
  republished bigint not null default 0,   -- events published again, ever
  check (owed_from is not null or owed_to is null)
);
