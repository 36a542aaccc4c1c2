/** Rows of the matrix that nothing here runs, each with its reason: a row is never silently absent. */
export const NOT_HERE: readonly { readonly id: string; readonly what: string; readonly why: string }[] = [
  {
    id: "F10",
    what: "power cut of the whole box",
    why: "runs apart, because it needs a loop device and root: npm run faults -- --show power-cut",
  },
  {
    id: "F12",
    what: "disk alarm in the broker",
    why: "its effect, a broker that takes and confirms nothing for a while, is run as F16d; the alarm itself is covered by test/contracts/rabbit/publisher.test.ts",
  },
  {
    id: "F28",
    what: "the broker's ack timeout",
    why: "its shortest limit is a minute of a handler that stands still; F25 and F27 run its effect, the redelivery",
  },
  {
    id: "F29",
    what: "credential change, certificate expiry, key roll",
    why: "payment channels with keys that roll come with later issues; credentials are read at start, so a change is a restart (F25, F01); a changed host key or certificate is refused in test/contracts/files/sftp.test.ts and bin/engine/courier-tls.test.ts",
  },
  {
    id: "F32",
    what: "SFTP: half files, same name twice",
    why: "run one by one in npm test: test/contracts/files/sftp.test.ts and platform/transports/files/poller.test.ts (cut amid a move or a put, the same name twice, names that vanish), test/faults/file-courier.test.ts (P15, P16), test/journeys/exams-and-files.test.ts (kill -9 while the bank is away)",
  },
  {
    id: "F35",
    what: "a backup is restored, the database is an hour back",
    why: "finding what partners did since is reconciliation, which comes with a later issue",
  },
];
