/** What a modality is told: DIMSE statuses (PS3.7 annex C, PS3.4 B.2.3) for what became of its request. */
import type { Journaled, ParkReason } from "../../../domain/journal/ports.ts";
import type { Command } from "./document.ts";

export const STATUS = {
  success: 0x0000,
  invalidValue: 0x0106,
  processingFailure: 0x0110,
  duplicateInstance: 0x0111,
  noSuchInstance: 0x0112,
  missingAttribute: 0x0120,
  classMismatch: 0x0122,
  unrecognised: 0x0211,
  resourceLimitation: 0x0213,
  outOfResources: 0xa700,
  cannotUnderstand: 0xc000,
} as const;

export interface Answer {
  readonly status: number;
  /** (0000,0902), at most 64 characters of ASCII. */
  readonly comment: string;
}

const COMMENT_MAX = 64;
export const answer = (status: number, comment = ""): Answer => ({
  status,
  comment: comment.replace(/[^\x20-\x7e]|\\/g, "?").slice(0, COMMENT_MAX),
});

/** "Try again later": the word differs between storage and the normalised services. */
export const busy = (command: Command): Answer =>
  answer(command === "C-STORE" ? STATUS.outOfResources : STATUS.resourceLimitation, "busy, send it again later");

/** What was refused, in the service's own word. `status`: what the door itself found. */
export const refusedAs = (command: Command, reason: ParkReason, status?: number): Answer =>
  answer(command === "C-STORE" ? STATUS.cannotUnderstand : (status ?? STATUS.processingFailure), `${reason.code}: ${reason.en}`);

/** The answer once the journal has it. */
export function answerOf(command: Command, journaled: Journaled): Answer {
  switch (journaled.kind) {
    case "accepted":
    case "awaiting-part":
    case "duplicate":
      return answer(STATUS.success);
    case "conflict":
      if (command === "C-STORE" || command === "N-CREATE") return answer(STATUS.duplicateInstance, "another one has this UID");
      return answer(STATUS.processingFailure, "the step has ended already, with other content");
    case "parked":
      return refusedAs(command, journaled.reason);
  }
}
