/** What a database error means for the rows that were being committed. */

/**
 * - `row` one row's own data is wrong: its neighbours must not suffer
 * - `again` nothing happened and the same work may be tried at once (deadlock, lost race, time-out)
 * - `gone` the server or the connection is not there: before COMMIT nothing happened, at COMMIT it is unclear
 */
export type Failure = "row" | "again" | "gone";

/** Thrown by a worker that lost a race which shows only after the fact; the batch is done again. */
export class LostRace extends Error {
  override readonly name = "LostRace";
}

/** Deadlock, serialization, lock not available, statement cancelled. */
const AGAIN = new Set(["40001", "40P01", "55P03", "57014"]);
/** Connection exceptions, insufficient resources, operator intervention, system and internal errors. */
const GONE_CLASSES = new Set(["08", "53", "57", "58", "XX", "F0"]);
const SQLSTATE = /^[0-9A-Z]{5}$/;
const SOCKET = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);
/** node-postgres reports these without a code. */
const GONE_TEXT =
  /connection terminated|connection timeout|timeout exceeded when trying to connect|query read timeout|not queryable|connection error|server closed|client was closed/i;

export const codeOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
};

export function failureOf(error: unknown): Failure {
  if (error instanceof LostRace) return "again";
  const code = codeOf(error);
  if (AGAIN.has(code)) return "again";
  if (SOCKET.has(code)) return "gone";
  if (SQLSTATE.test(code)) return GONE_CLASSES.has(code.slice(0, 2)) || code === "25006" ? "gone" : "row";
  return error instanceof Error && GONE_TEXT.test(error.message) ? "gone" : "row";
}
