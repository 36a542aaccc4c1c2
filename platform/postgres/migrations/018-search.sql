-- Searching at ten millions (platform/postgres/message-search.ts).

-- What translated a message, `<vendor>/<message>@<version>`: its trace tells it for as long as the message is kept.
alter table message add column mapping text;

-- By what people filter, where it is rare: entries of the same words are kept once for many rows (about eight bytes a row), and what is common is read in the order of
-- receipt instead.
create index message_by on message (partner, kind, flow, state);

-- Which replay jobs touched a message or a write-back.
create index replay_item_target on replay_item (target);
