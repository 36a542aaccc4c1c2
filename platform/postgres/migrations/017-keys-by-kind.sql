-- An index for each kind of business key (docs/decisions/009-the-durable-path-against-its-target.md): numbers of one kind mostly count up, so that each index grows at its
-- end and its pages are full; of one index for all of them each page stayed half empty (71 → 50 bytes an entry).
drop index business_key_of;
create index business_key_order on business_key (value) where kind = 'o';
create index business_key_patient on business_key (value) where kind = 'p';
create index business_key_visit on business_key (value) where kind = 'v';
create index business_key_bill on business_key (value) where kind = 'b';
create index business_key_serial on business_key (value) where kind = 's';
create index business_key_message on business_key (value) where kind = 'm';
