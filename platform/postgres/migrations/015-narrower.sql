-- Fewer bytes (docs/decisions/009-the-durable-path-against-its-target.md).

-- Requests packed (platform/postgres/packed.ts): how long they are unpacked; null: the request stands as it came.
alter table message add column raw_bytes integer;

-- By kind first: numbers that count up within their kind fill the index's pages instead of leaving each half empty (101 → 40 bytes an entry), and the message's id, which
-- stands in the row, is not repeated. Nobody counts on a row being there once.
alter table business_key drop constraint business_key_pkey;
create index business_key_of on business_key (kind, value);
