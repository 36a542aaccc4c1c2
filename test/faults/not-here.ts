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
    why: "partners with keys and certificates (WeChat, Alipay, SFTP) come with later issues; the engine reads its own credentials at start",
  },
  { id: "F32", what: "SFTP: half files, same name twice", why: "the SFTP wire comes with a later issue" },
  {
    id: "F35",
    what: "a backup is restored, the database is an hour back",
    why: "finding what partners did since is reconciliation, which comes with a later issue",
  },
];
