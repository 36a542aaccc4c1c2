-- Who may come in at the console: accounts, their sessions, failures that hold signing in back, and set-up links (domain/access). No password, code or cookie is
-- stored as it is: hashes, digests and sealed secrets only.
create table account (
  id uuid primary key,
  login text not null,
  name text not null,
  password_hash text,
  roles text[] not null,
  partners text[],                -- null: every partner
  state text not null check (state in ('active', 'disabled')),
  totp_secret text,
  totp_pending text,
  totp_step bigint not null default 0,
  recovery text[] not null default '{}',
  totp_required boolean not null default false,
  must_change_password boolean not null default false,
  issuer text,
  subject text,
  created_at timestamptz not null,
  last_sign_in_at timestamptz
);
create unique index account_login on account (login);
create unique index account_external on account (issuer, subject);

create table console_session (
  digest text primary key,
  id uuid not null unique,
  account_id uuid not null references account (id),
  stage text not null check (stage in ('full', 'factor', 'password', 'enrol')),
  external boolean not null,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  ends_at timestamptz not null,
  address text not null,
  agent text not null
);
create index console_session_account on console_session (account_id);

create table sign_in_throttle (
  subject text primary key,       -- login:<digest>, address:<address>, code:<account>
  failures integer not null,
  last_at timestamptz not null,
  held_until timestamptz not null
);

create table setup_link (
  digest text primary key,
  ends_at timestamptz not null
);
