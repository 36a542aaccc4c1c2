-- Messages come in by more doors than two (issue 4).
alter table message drop constraint if exists message_door_check;
alter table message add constraint message_door_check
  check (door in ('amqp', 'http', 'replay', 'soap', 'mllp', 'dicom', 'file', 'view', 'exchange'));
