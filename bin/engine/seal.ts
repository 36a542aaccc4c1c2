/** Sealing at the composition root: what only it knows (institution of a partner, ids, hashes) is put to drafts here; the registry checks them. */
import { hash } from "node:crypto";
import type { SealedEvent } from "../../domain/delivery/ports.ts";
import { type BusinessKey, type Event, type EventRegistry, eventId } from "../../domain/events/event.ts";
import type { JournaledMessage, ParkReason } from "../../domain/journal/ports.ts";
import type { DraftEvent } from "../../domain/mapping/mapping.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { Problem } from "../../domain/problem.ts";
import { businessDate } from "../../domain/time.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";

/** Text as an event may carry it: not longer than `max`, no half characters, no NUL (which the store cannot hold); undefined when nothing is left to read. */
const told = (text: string | undefined, max: number): string | undefined => {
  const kept = (text ?? "").slice(0, max).toWellFormed().replaceAll("\0", " ");
  return kept.trim() === "" ? undefined : kept;
};

export const sha256Hex = (text: string | Uint8Array): string => hash("sha256", text, "hex");

/** Limits of message.parked: its texts are cut, so that parking never fails on its own event. */
const PARK_TEXT_MAX = 1_000;
const KEY_MAX = 128;
const KEYS_TOLD_MAX = 50;
const NO_MAX = 60;

/** Names of fields as JSON writes them: the same few hundred in every event, those that partners make up (tables' rows) only up to here. */
const written = new Map<string, string>();
const WRITTEN_MAX = 2_000;
function nameOf(field: string): string {
  let text = written.get(field);
  if (text === undefined) {
    text = `${JSON.stringify(field)}:`;
    if (written.size < WRITTEN_MAX) written.set(field, text);
  }
  return text;
}

/** Above this a sort of its own is quicker; an event has few fields at each level. */
const SORTED_IN_PLACE_MAX = 24;
/** In the order of UTF-16 units, as `sort` has it, without its copies. */
function inOrder(names: string[]): readonly string[] {
  if (names.length > SORTED_IN_PLACE_MAX) return names.sort();
  for (let next = 1; next < names.length; next += 1) {
    const name = names[next] ?? "";
    let at = next;
    for (; at > 0 && (names[at - 1] ?? "") > name; at -= 1) names[at] = names[at - 1] ?? "";
    names[at] = name;
  }
  return names;
}

/** Canonical JSON: keys sorted at every level, so that equal content has an equal fingerprint. */
function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const one of value) text += text === "" ? canonicalJson(one) : `,${canonicalJson(one)}`;
    return `[${text}]`;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key of inOrder(Object.keys(fields))) {
    const one = fields[key];
    if (one !== undefined) text += `${text === "" ? "" : ","}${nameOf(key)}${canonicalJson(one)}`;
  }
  return `{${text}}`;
}

/** Equal for the same fact with the same content (decision 5). */
const fingerprintOf = (event: Event, volatile: readonly string[] = []): string => {
  const told =
    volatile.length === 0 ? event.data : Object.fromEntries(Object.entries(event.data).filter(([name]) => !volatile.includes(name)));
  return sha256Hex(canonicalJson([event.type, event.subject, told]));
};

/** A message's identity among all partners: the sender's, else what its mapping declares, else its bytes. */
function messageIdentityOf(
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

  /** Must never fail: what cannot be parked would be fed, or refused, for ever. What a person typed or a partner sent may be blank or cut in half. */
  const parked: Sealer["parked"] = (message, reason, keys) => {
    const { node } = reason;
    const source = told(message.partner, NO_MAX) ?? "unknown";
    const place = told(reason.place, PARK_TEXT_MAX);
    const name = told(node?.name, NO_MAX);
    const flow = told(node?.flow, NO_MAX);
    const sealed = deps.registry.seal({
      id: eventId(
        { messageIdentity: `message:${message.id}:${message.receivedAt}:${reason.code}`, type: "message.parked", ordinal: 0 },
        sha256Hex,
      ),
      type: "message.parked",
      source,
      subject: `message:${message.id}`,
      data: {
        schemaVersion: 1,
        institution: institution(message.partner),
        bills: [],
        serials: [],
        occurredAt: message.receivedAt,
        businessDate: businessDate(message.receivedAt) ?? message.receivedAt.slice(0, 10),
        test: isTest(message.partner),
        missing: ["business"],
        messageId: message.id,
        reason: {
          code: told(reason.code, NO_MAX) ?? "INTERNAL",
          text: told(reason.zh, PARK_TEXT_MAX) ?? told(reason.code, NO_MAX) ?? "INTERNAL",
          ...(place === undefined ? {} : { place }),
        },
        kind: told(message.kind, NO_MAX) ?? "unknown",
        ...(node === undefined
          ? {}
          : {
              node: {
                id: told(node.id, NO_MAX) ?? "unknown",
                type: told(node.type, NO_MAX) ?? "unknown",
                ...(name === undefined ? {} : { name }),
                ...(flow === undefined ? {} : { flow }),
              },
            }),
        businessKeys: keys.filter((key) => key.value.length <= KEY_MAX && told(key.value, KEY_MAX) === key.value).slice(0, KEYS_TOLD_MAX),
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
