-- Acknowledgements that come on their own way (domain/acknowledgements/ruling.ts has the states), one row per message, and the partner's own numbers by which they may
-- name what they acknowledge. Both small and kept for ever: they are proofs.

create table acknowledgement (
  message_id uuid primary key,
  destination text not null,
  kind text not null,             -- of the message
  door text not null,
  write_back_id uuid,             -- null: it names nothing that we owe
  state text not null check (state in ('applied', 'early', 'late', 'duplicate', 'differs', 'unexpected', 'unclear')),
  outcome text not null,          -- what it says, by the reply contract
  named_by text check (named_by in ('key', 'serial', 'reference')),
  named text,                     -- the value
  code text,
  text text,
  receipt_no text,
  amount_fen bigint,
  serial text,
  why text not null,
  received_at timestamptz not null,
  at timestamptz not null         -- of the ruling
);
create index acknowledgement_of on acknowledgement (write_back_id) where write_back_id is not null;
create index acknowledgement_state on acknowledgement (state, message_id);

-- The partner's own number of the work it took ("taken, number 4711"), told with a deferred reply.
create table write_back_reference (
  destination text not null,
  reference text not null,
  write_back_id uuid not null,
  primary key (destination, reference, write_back_id)
);
