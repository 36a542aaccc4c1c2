-- Lanes in people's hands, lanes of patients, and write-backs that a refund or a reversal overtook (docs/decisions/012-superseded.md).

-- A parked head blocks its lane, unless its destination's profile or a person lets the next one go on: then it is no head any more.
alter table write_back add column blocks boolean not null default true;
alter table write_back add constraint write_back_passed check (blocks or state in ('parked', 'acknowledged', 'resolved'));
drop index write_back_head;
create unique index write_back_head on write_back (destination, lane) where blocks and state in ('waiting', 'sending', 'deferred', 'parked');
-- Blocked lanes, longest first; and those that go on past a parked one.
create index write_back_blocking on write_back (destination, id) where blocks and state = 'parked';
create index write_back_passed_by on write_back (destination, lane) where not blocks;

-- The order key, where the lane is another one (a patient's): what is open of an order keeps to one lane, however lanes are chosen later.
alter table write_back add column order_key text;
create index write_back_of_order on write_back (order_key, destination) where order_key is not null and closed_at is null;

-- The event that overtook it. Those that cancel out (a payment's confirm and its refund's) share it.
alter table write_back add column superseded_by text;
-- Two people decided to send it all the same: it is not overtaken again.
alter table write_back add column forced boolean not null default false;
-- What is closed while its bill is not paid never entered a lane.
alter table write_back drop constraint write_back_check;
alter table write_back add constraint write_back_in_lane check (lane_seq is not null or state in ('held', 'resolved'));
-- Why it came back: also because a person wants it parked when its turn comes.
alter table write_back drop constraint write_back_because_check;
alter table write_back add constraint write_back_because_check check (because in ('lease-expired', 'answer-overdue', 'replay', 'person'));

-- Something overtaken of this bill was on the wire: it is looked at again from then on.
alter table bill add column look_at timestamptz;
create index bill_look on bill (look_at) where look_at is not null;
