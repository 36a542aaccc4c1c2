/** What a person may do with a message or an event delivery, as tables: pure, the store asks them with the row locked. Write-backs: domain/writeback/manual.ts. */
import type { MessageState } from "../journal/ports.ts";
import { REASON_MAX, REASON_MIN } from "../writeback/manual.ts";
import type { Deed } from "./ports.ts";
import { type OperationRefused, type OwnRefusal, refused } from "./refusals.ts";

export const BY_MAX = 64;

/** In which state a message may be done again or closed: undefined is allowed. */
const MESSAGE_DEEDS: Readonly<Record<MessageState, Readonly<Record<"replay" | "resolve", OwnRefusal | undefined>>>> = {
  "awaiting-part": { replay: "MESSAGE_IN_WORK", resolve: "MESSAGE_IN_WORK" },
  received: { replay: "MESSAGE_IN_WORK", resolve: "MESSAGE_IN_WORK" },
  settled: { replay: undefined, resolve: "MESSAGE_NOT_PARKED" },
  duplicate: { replay: undefined, resolve: "MESSAGE_NOT_PARKED" },
  parked: { replay: undefined, resolve: undefined },
  resolved: { replay: "MESSAGE_RESOLVED", resolve: "MESSAGE_RESOLVED" },
};

/** The person and the reason, without blanks around them. */
export type Signed = { readonly ok: true; readonly by: string; readonly reason: string } | OperationRefused;

/** A name without what does not show or does not tell people apart: width, case, blanks, marks of direction. */
const plainName = (name: string): string =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\p{Z}\p{C}]/gu, "");

/** Whoever asked for something, or approved it: an account, and the name it had then. */
export interface Signer {
  readonly by: string;
  readonly account?: string | null | undefined;
}

/**
 * Whether two signatures are one person's. An account is itself whatever it is called now; names that are one person's are one person, whichever account they stand at
 * (no two accounts have such names at one time, and whoever is renamed between the two is still the same account).
 */
export const sameSigner = (one: Signer, other: Signer): boolean =>
  (typeof one.account === "string" && one.account === other.account) || samePerson(one.by, other.by);

/** Whether two names are one person's: written wide, in capitals or with a blank in it, it is the same name. */
export const samePerson = (one: string, other: string): boolean => plainName(one) === plainName(other);

/** Every deed has a person and a reason. */
export function signed(deed: Deed): Signed {
  const by = deed.by?.trim() ?? "";
  if (plainName(by) === "" || by.length > BY_MAX) return refused("BY_REQUIRED");
  const reason = deed.reason?.trim() ?? "";
  if (reason.length < REASON_MIN || reason.length > REASON_MAX) return refused("REASON_REQUIRED");
  return { ok: true, by, reason };
}

/** What must be known of a message's row. */
export interface MessageView {
  readonly state: MessageState;
  readonly hasRequest: boolean;
}

/** Whether the message may be fed to its flow again, from its stored bytes. */
export function messageReplayRuling(view: MessageView | undefined): OperationRefused | undefined {
  if (!view) return refused("UNKNOWN_MESSAGE");
  const no = MESSAGE_DEEDS[view.state].replay;
  if (no) return refused(no, { state: view.state });
  return view.hasRequest ? undefined : refused("MESSAGE_INCOMPLETE", { state: view.state });
}

/** Whether a person may close the message without any effect. */
export function messageResolveRuling(view: MessageView | undefined): OperationRefused | undefined {
  if (!view) return refused("UNKNOWN_MESSAGE");
  const no = MESSAGE_DEEDS[view.state].resolve;
  return no ? refused(no, { state: view.state }) : undefined;
}
