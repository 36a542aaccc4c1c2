-- Failure groups: what failed alike. Safe replay jobs: what is done again, by whom, why, and how far it is. Edited copies of write-backs.

-- One row per kind of failure: destination (or sender and kind), code and normalised reason. Open items are counted from the rows that point here,
-- so that an item which was acknowledged has left its group without anybody's doing.
create table failure_group (
  id text primary key,                      -- hash(of, partner, kind, code, reason)
  of text not null check (of in ('write-backs', 'messages')),
  partner text not null,                    -- the destination, or the sender
  kind text not null default '',            -- of messages; write-backs of every kind fail alike
  code text not null,
  reason text not null,                     -- normalised, bounded (domain/failures/groups.ts)
  first_at timestamptz not null,
  last_at timestamptz not null,
  items bigint not null,                    -- that ever entered it
  failures bigint not null,                 -- attempts, or parkings
  example_id uuid not null,                 -- the newest
  example text not null,                    -- its reason as it was told, bounded
  owner text,
  note text,
  snoozed_until timestamptz,
  changed_by text,
  changed_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index failure_group_partner on failure_group (partner, last_at);

-- The group of its last failure. Kept when it is acknowledged, so that a preview can say how many of a group are done already.
alter table write_back add column failure_group text;
create index write_back_failing on write_back (failure_group, id) where failure_group is not null and closed_at is null;
create index write_back_failed_once on write_back (failure_group, id) where failure_group is not null and closed_at is not null;
create index write_back_copies on write_back (replay_of) where replay_of is not null;

-- The group in which a message was parked last. A table of its own: messages lie in days that are dropped, and hardly any parks.
create table message_failure (
  message_id uuid primary key,
  failure_group text not null,
  at timestamptz not null
);
create index message_failure_group on message_failure (failure_group, message_id);

create table replay_job (
  id uuid primary key,
  of text not null check (of in ('write-backs', 'messages')),
  -- selecting → previewed → (awaiting-approval) → marking → canary → running → done; paused, stopped (the canary failed) and cancelled beside
  state text not null check (state in ('selecting', 'previewed', 'awaiting-approval', 'marking', 'canary', 'running', 'paused', 'stopped', 'cancelled', 'done')),
  resume_to text check (resume_to in ('marking', 'canary', 'running')),    -- while paused
  selection jsonb not null,                 -- what was asked for (domain/replay/selection.ts)
  requested_by text not null,
  reason text not null,
  confirmed_checked boolean not null,       -- the requester states that the partner's system was looked at, for every item
  include_superseded boolean not null,
  rate_per_second integer not null check (rate_per_second between 1 and 1000),
  canary_items integer not null,
  created_at timestamptz not null,
  cursor uuid,                              -- selecting: the last row looked at
  hash text not null,                       -- of the frozen items, chained batch by batch
  complete boolean not null default false,  -- false once selected: more match than a job takes
  counts jsonb not null,                    -- of the preview (domain/replay/counts.ts)
  approval text[] not null default '{}',    -- why a second person is needed; empty: not needed
  approved_by text,
  approval_reason text,
  approved_hash text,
  approved_at timestamptz,
  canary_accepted_by text,                  -- who went on after a canary that failed
  started_at timestamptz,
  ended_at timestamptz,
  ended_by text,
  ended_why text,
  tokens double precision not null default 0,   -- of the rate
  tokens_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
create index replay_job_open on replay_job (id) where ended_at is null;

create table replay_item (
  job uuid not null,
  n bigint not null,                        -- place in the selection
  target uuid not null,
  lane text,                                -- destination and lane of a write-back; null: messages keep journal order by themselves
  seq bigint not null default 0,            -- lane_seq of a write-back, seq of a message
  amount_fen bigint,
  how text check (how in ('ask', 'send', 'feed')),
  superseded boolean not null default false,
  canary boolean not null default false,
  -- planned → marked → replayed → done | failed; skipped and refused are never touched; cancelled: the job ended before its turn
  state text not null check (state in ('planned', 'skipped', 'refused', 'marked', 'replayed', 'done', 'failed', 'cancelled')),
  code text,                                -- why it was skipped, refused or has failed
  not_before timestamptz,                   -- marked: it was in flight when its turn came
  audit_id bigint,
  at timestamptz not null,
  primary key (job, n)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- At most one open replay per item.
create unique index replay_item_open on replay_item (target) where state in ('marked', 'replayed');
create index replay_item_state on replay_item (job, state, n);
create index replay_item_lane on replay_item (job, lane, seq, n) where lane is not null and state in ('marked', 'replayed');

-- A write-back's edited copy: proposed by one person, approved by another, bound to the content.
create table replay_edit (
  id uuid primary key,
  write_back_id uuid not null,
  message_id uuid not null,
  edit_no integer not null,
  state text not null check (state in ('proposed', 'applied', 'withdrawn')),
  body bytea not null,
  content_hash text not null,
  proposed_by text not null,
  reason text not null,
  confirmed_checked boolean not null,
  proposed_at timestamptz not null,
  decided_by text,
  decision_reason text,
  decided_at timestamptz,
  copy_id uuid,
  unique (write_back_id, edit_no)
);
create unique index replay_edit_open on replay_edit (write_back_id) where state = 'proposed';
