-- Counts a minute, for the console's trends of a day and what flows now (issue 5): each process adds its own every few seconds. For looking at, never for the books.
create table trend (
  at timestamptz not null,       -- the minute
  partner text not null,         -- '' where it is nobody's in particular
  what text not null check (what in ('accepted', 'acknowledged', 'parked')),
  n bigint not null,
  primary key (at, partner, what)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
