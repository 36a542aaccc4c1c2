-- Speed and bytes (docs/decisions/009-durable-path.md).

-- The event itself stands in `event`, which is never dropped while something is owed: what is owed to the broker is its name.
alter table outbox drop column body;

-- The event as it was published, packed (platform/postgres/packed.ts): the first byte tells how; 0 is plain.
alter table event alter column body type bytea using '\x00'::bytea || convert_to(body, 'UTF8');
-- An event is stored once. The hash of its id is enough to say so, at a third of the bytes; nobody looks an event up without its message.
alter table event drop constraint event_pkey;
create unique index event_once on event (message_id, hashtextextended(id, 0));

-- Eight rows a message, kept for ever: the time stands in the message's id, and a kind is known by its first letter (domain/events/event.ts, BUSINESS_KEY_KINDS).
alter table business_key drop column at;
alter table business_key alter column kind type "char" using left(kind, 1)::"char";

-- Bodies and replies, packed as events are; those of before are plain.
update write_back_body set body = '\x00'::bytea || body;
update attempt set reply = '\x00'::bytea || reply where reply is not null;
