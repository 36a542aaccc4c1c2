-- Views of partners' databases, polled by watermark: how far each was read over time, and the rows taken lately.
create table view_mark (
  partner text not null,
  view text not null,
  ordinal bigint generated always as identity,
  watermark text not null,
  at timestamptz not null,
  primary key (partner, view, ordinal)
);
create table view_row (
  partner text not null,
  view text not null,
  identity text not null,
  watermark text not null,
  at timestamptz not null,
  primary key (partner, view, identity)
);
create index view_row_at on view_row (partner, view, at);
