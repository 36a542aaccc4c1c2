-- What a person stated, or approved, held for the attempts there were then. An attempt made since may have taken effect: nobody has looked after that one.
alter table replay_item add column attempts integer;   -- of the write-back, when it was frozen; null: a message
alter table replay_edit add column attempts integer not null default 0;   -- of the original, when the copy was proposed
