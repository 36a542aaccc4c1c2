/** Sealing at the composition root: what only it knows (institution of a partner, ids, hashes) is put to drafts here; the registry checks them. */
import { createHash } from "node:crypto";
import type { SealedEvent } from "../../domain/delivery/ports.ts";
import { type BusinessKey, type Event, type EventRegistry, eventId } from "../../domain/events/event.ts";
import type { JournaledMessage, ParkReason } from "../../domain/journal/ports.ts";
import type { DraftEvent } from "../../domain/mapping/mapping.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { Problem } from "../../domain/problem.ts";
import { businessDate } from "../../domain/time.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";

export const sha256Hex = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** Limits of message.parked: its texts are cut, so that parking never fails on its own event. */
const PARK_TEXT_MAX = 1_000;
const KEY_MAX = 128;
const KEYS_TOLD_MAX = 50;
const NO_MAX = 60;

/** Canonical JSON: keys sorted at every level, so that equal content has an equal fingerprint. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Equal for the same fact with the same content (decision 5). */
const fingerprintOf = (event: Event, volatile: readonly string[] = []): string => {
  const told = Object.fromEntries(Object.entries(event.data).filter(([name]) => !volatile.includes(name)));
  return sha256Hex(canonicalJson([event.type, event.subject, told]));
};

/** A message's identity among all partners: the sender's, else what its mapping declares, else its bytes. */
export function messageIdentityOf(
  message: Pick<JournaledMessage, "partner" | "kind" | "identity" | "raw" | "reply">,
  declared: string | undefined,
): string {
  const own = message.identity ?? declared ?? `bytes:${sha256Hex(message.raw)}${message.reply ? sha256Hex(message.reply) : ""}`;
  return `${message.partner}/${message.kind}/${own}`;
}

export interface Sealer {
  /** Seals what a mapping drafted; a draft that the registry refuses is a problem of the whole message. */
  translated(
    message: JournaledMessage,
    declaredIdentity: string | undefined,
    drafts: readonly DraftEvent[],
  ): { readonly ok: true; readonly events: readonly SealedEvent[] } | { readonly ok: false; readonly problems: readonly Problem[] };
  parked(
    message: Pick<JournaledMessage, "id" | "partner" | "kind" | "receivedAt">,
    reason: ParkReason,
    keys: readonly BusinessKey[],
  ): SealedEvent;
  readonly writeBack: SealWriteBackEvent;
}

export function createSealer(deps: { readonly registry: EventRegistry; readonly partner: (name: string) => Partner | undefined }): Sealer {
  const institution = (partner: string): { code: string } => ({ code: deps.partner(partner)?.constants.institution ?? "unknown" });
  const isTest = (partner: string): boolean => deps.partner(partner)?.constants.test === "true";

  const parked: Sealer["parked"] = (message, reason, keys) => {
    const clip = (text: string): string => text.slice(0, PARK_TEXT_MAX);
    const node = reason.node;
    const sealed = deps.registry.seal({
      id: eventId(
        { messageIdentity: `message:${message.id}:${message.receivedAt}:${reason.code}`, type: "message.parked", ordinal: 0 },
        sha256Hex,
      ),
      type: "message.parked",
      source: message.partner,
      subject: `message:${message.id}`,
      data: {
        schemaVersion: 1,
        institution: institution(message.partner),
        bills: [],
        serials: [],
        occurredAt: message.receivedAt,
        businessDate: businessDate(message.receivedAt),
        test: isTest(message.partner),
        missing: ["business"],
        messageId: message.id,
        reason: { code: reason.code, text: clip(reason.zh), ...(reason.place ? { place: clip(reason.place) } : {}) },
        kind: message.kind.slice(0, NO_MAX) || "unknown",
        ...(node
          ? {
              node: {
                id: node.id.slice(0, NO_MAX),
                type: node.type.slice(0, NO_MAX),
                ...(node.name ? { name: node.name.slice(0, NO_MAX) } : {}),
                ...(node.flow ? { flow: node.flow.slice(0, NO_MAX) } : {}),
              },
            }
          : {}),
        businessKeys: keys.filter((key) => key.value.trim() !== "" && key.value.length <= KEY_MAX).slice(0, KEYS_TOLD_MAX),
      },
    });
    if (!sealed.ok)
      throw new Error(`message.parked refused by its own schema: ${sealed.problems.map((one) => `${one.at} ${one.en}`).join("; ")}`);
    return { event: sealed.event, fingerprint: fingerprintOf(sealed.event), keys: [], publish: true };
  };

  return {
    translated: (message, declaredIdentity, drafts) => {
      const identity = messageIdentityOf(message, declaredIdentity);
      const problems: Problem[] = [];
      const events: SealedEvent[] = [];
      drafts.forEach((draft, ordinal) => {
        const sealed = deps.registry.seal({
          id: eventId({ messageIdentity: identity, type: draft.type, ordinal }, sha256Hex),
          type: draft.type,
          source: message.partner,
          subject: draft.subject,
          ...(message.traceparent ? { traceparent: message.traceparent } : {}),
          data: draft.data,
        });
        if (!sealed.ok) {
          problems.push(...sealed.problems);
          return;
        }
        const keys = [...sealed.keys, ...draft.keys].filter(
          (key, at, all) => key.value.length <= KEY_MAX && all.findIndex((one) => one.kind === key.kind && one.value === key.value) === at,
        );
        events.push({
          event: sealed.event,
          businessIdentity: draft.businessIdentity,
          // The time of receipt says nothing of the fact: the same refusal heard twice is the same content.
          fingerprint: fingerprintOf(sealed.event, draft.volatile),
          keys,
          publish: false,
        });
      });
      return problems.length > 0 ? { ok: false, problems } : { ok: true, events };
    },
    parked,
    writeBack: (draft) => {
      const sealed = deps.registry.seal({
        id: eventId({ messageIdentity: draft.identity, type: draft.type, ordinal: draft.ordinal }, sha256Hex),
        type: draft.type,
        source: draft.source,
        subject: draft.subject,
        data: { institution: institution(draft.source), test: isTest(draft.source), ...draft.data },
      });
      return sealed.ok ? { ok: true, event: sealed.event } : { ok: false, problems: sealed.problems };
    },
  };
}
