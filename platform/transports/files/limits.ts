/** Every limit of the file wires, named. */
export const LIMITS = {
  /** Files of one folder that are looked at; a fuller one is an error that names itself. */
  entries: 10_000,
  /** Files taken in one poll; the rest come with the next. */
  filesPerPoll: 500,
  /** Bytes of a file's name. */
  nameBytes: 255,
  /** Names tried in done/ for a file whose name is taken there. */
  namesTried: 20,
  /** What was taken and could not be moved away is remembered so often. */
  remembered: 20_000,
  connectMs: 10_000,
  /** One step on a server: a listing, a read, a rename. */
  stepMs: 30_000,
  /** Between polls of a server that is away: doubled each time, at most this. */
  awayMs: 60_000,
  /** One worker polls: so long after its last sign another takes over, at least. */
  leadMs: 30_000,
  /** How long a close waits for the file in hand. */
  closeMs: 5_000,
  /** Members of an archive: exactly one is a message. */
  members: 1,
} as const;
