-- The trace that a write-back's sender began (W3C trace context): its call goes on in it. Null where the sender began none: then the message's id is the trace.
alter table write_back add column traceparent text;
