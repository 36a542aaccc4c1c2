-- Delivery shared by all workers: what a destination is allowed to receive now, lanes that a person holds, and tasks that one worker at a time leads.

-- One row per destination. The profile is the audited truth (seeded from partners/*.json); the gate beside it is what all workers obey within a second.
-- A destination without a row is running, closed and without a ceiling: rows are made at start, before anything is claimed.
create table destination (
  name text primary key,
  version bigint not null default 1,        -- grows with every change of profile or mode
  profile jsonb not null,                   -- Destination (domain/partners/profile.ts)
  seed_hash text not null,                  -- of the file's part that the profile was last taken from
  revision bigint not null default 0,       -- grows with every change of what follows: of two readings the newer one is known
  mode text not null default 'running' check (mode in ('running', 'paused')),
  breaker text not null default 'closed' check (breaker in ('closed', 'open', 'half-open')),
  breaker_at timestamptz,
  breaker_why text,
  failures integer not null default 0,      -- in a row, over all workers
  failure_window jsonb not null default '[]', -- [{atMs, calls, failures}] of the last 30 s, while there are failures among them
  probe_at timestamptz,                     -- next probe, while open
  probes integer not null default 0,        -- since it opened
  probe_worker integer,
  probe_until timestamptz,                  -- lease of the prober
  rate_now double precision,                -- calls a second; null: the ceiling of the profile
  tokens double precision not null default 0,
  tokens_at timestamptz,
  drain jsonb,                              -- Drain (domain/writeback/gates.ts) while rate_now is being found out; null: none
  drain_until timestamptz                   -- a person lets it drain until then although it is paused or in quiet hours
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Lanes that a person holds: nothing of them is claimed until released.
create table lane_hold (
  destination text not null,
  lane text not null,
  held_by text not null,
  held_at timestamptz not null,
  reason text not null,
  primary key (destination, lane)
);

-- Tasks that one worker at a time leads (feeding flows, alarms, replay jobs, retention). The token fences: a leader that slept compares it in its own transaction.
create table lead (
  task text primary key,
  worker integer not null,
  token bigint not null,
  until timestamptz not null
) with (fillfactor = 50);
