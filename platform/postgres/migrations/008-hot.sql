-- Speed and bytes (docs/decisions/009-durable-path.md).

-- The event itself stands in `event`, which is never dropped while something is owed: what is owed to the broker is its name.
alter table outbox drop column body;
