-- Performed procedure steps (DICOM MPPS) between their N-CREATE and their end: an N-SET names neither patient nor order, the step's creation does.
create table procedure_step (
  partner text not null,
  instance text not null,          -- SOP instance UID
  created text not null,           -- JSON: the attributes its N-CREATE told
  ended text,                      -- COMPLETED, DISCONTINUED; null: in progress
  at timestamptz not null,
  primary key (partner, instance)
);
create index procedure_step_at on procedure_step (at);
