-- By what a subscriber's queue is bound: patterns that were changed, or a subscriber that was removed, leave nothing behind on the broker.
alter table subscriber add column bound text[] not null default '{}';
