-- Numbers of our calls to partners that know them by one (msgid), made before the call: a reversal names the number of what it undoes. For ever, as identities are.
create table call_number (
  destination text not null,
  slot text not null,
  number text not null,
  made_at timestamptz not null default huiliu_now(),
  primary key (destination, slot)
);
create unique index call_number_once on call_number (destination, number);

-- Sign-ins at partners that want one, shared by all workers; one worker signs in at a time, under a lease.
create table partner_session (
  partner text not null,
  who text not null,
  version integer not null default 0,
  held jsonb,
  since timestamptz,
  signing_until timestamptz,
  failed_at timestamptz,
  failed_why text,
  primary key (partner, who)
);
