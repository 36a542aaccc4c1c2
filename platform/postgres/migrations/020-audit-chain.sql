-- The audit's chain (docs/decisions/018-audit-chain.md): every entry is linked to the one before it in the transaction that writes it, and heads of the chain are signed.

-- `<nonce>.<mac>`: the engine's mark, by a key that is not here. Null: written before this migration, or not by the engine.
alter table operator_action add column mark text;

create table audit_link (
  n bigint primary key,                     -- place in the chain, without gaps
  action_id bigint not null unique,
  hash text not null                        -- SHA-256 over the hash before, the place and the whole entry
);
create table audit_head (
  seq bigint generated always as identity primary key,
  n bigint not null,
  hash text not null,
  at text not null,                         -- as it was signed
  since bigint not null,                    -- entries up to this one carry no marks
  key text not null,
  signature text not null
);

create function audit_field(given text) returns text language sql immutable as $$
  select case when given is null then '-' else octet_length(given)::text || ':' || given end
$$;
-- As linkText() of domain/audit/entry.ts.
create function audit_link_text(previous text, n bigint, o operator_action) returns text language sql stable as $$
  select previous || audit_field(n::text) || audit_field(o.id::text) || audit_field((extract(epoch from o.at) * 1000000)::bigint::text)
    || audit_field(o.who) || audit_field(o.action) || audit_field(o.target_kind) || audit_field(o.target_id) || audit_field(o.reason)
    || audit_field(o.approved_by) || audit_field(o.before::text) || audit_field(o.after::text) || audit_field(o.mark)
$$;

-- One entry at a time is linked, and it is the last thing its transaction does: nothing is locked after this lock, so nobody can wait for each other over it.
create function link_audit_entry() returns trigger language plpgsql as $$
declare
  before_n bigint;
  before_hash text;
begin
  perform pg_advisory_xact_lock(4712, 1);
  select l.n, l.hash into before_n, before_hash from audit_link l order by l.n desc limit 1;
  insert into audit_link (n, action_id, hash) values (coalesce(before_n, 0) + 1, new.id,
    encode(sha256(convert_to(audit_link_text(coalesce(before_hash, ''), coalesce(before_n, 0) + 1, new), 'UTF8')), 'hex'));
  return null;
end $$;

-- What was there before is sealed as it is, in the order of its numbers.
do $$
declare
  entry operator_action;
  place bigint := 0;
  previous text := '';
begin
  for entry in select * from operator_action order by id loop
    place := place + 1;
    previous := encode(sha256(convert_to(audit_link_text(previous, place, entry), 'UTF8')), 'hex');
    insert into audit_link (n, action_id, hash) values (place, entry.id, previous);
  end loop;
end $$;

create constraint trigger operator_action_link after insert on operator_action
  deferrable initially deferred for each row execute function link_audit_entry();

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_link_append_only before update or delete or truncate on audit_link for each statement execute function refuse_audit_change();
create trigger audit_head_append_only before update or delete or truncate on audit_head for each statement execute function refuse_audit_change();

-- What a person filters by, newest first.
create index operator_action_who on operator_action (who, id);
create index operator_action_at on operator_action (at);

-- Two people are two accounts, whatever they are called. Null: a program with the token, which says for whom it acts.
alter table replay_job add column requested_account text;
alter table replay_job add column approved_account text;
alter table replay_edit add column proposed_account text;

-- What was commanded carries a MAC that the database cannot make (reliability.md A16): who asked, for what, who approved, when; and each item that it is the job's.
alter table replay_job add column command_ms bigint;
alter table replay_job add column command_mac text;
alter table replay_item add column mac text;
alter table replay_edit add column proposal_mac text;
