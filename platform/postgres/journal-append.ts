/** One batch of the journal: who is new, who came before, who completes an exchange. Everything here happens inside the batch's transaction. */
import { failpoint } from "../../domain/failpoint.ts";
import type { ParkedEventOf } from "../../domain/delivery/ports.ts";
import type { Inbound, Journaled, MessageState, ParkReason } from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { eventNumbers, oweToFlows, storeEvents, storeHistory } from "./facts.ts";
import { noteParkedMessages } from "./failure-groups.ts";
import type { Tx, Worked } from "./group-commit.ts";
import { type Draft, draftOf, type Entry, exchangeKey, type Gathered, type Owner, pairKey, rowOf } from "./journal-drafts.ts";
import { type MessageRow, messageOf, rawColumns } from "./journal-rows.ts";
import * as sql from "./journal-sql.ts";
import { daysOf, lockTexts, run } from "./sql.ts";
import type { Subscribers } from "./subscribers.ts";

export interface AppendDeps {
  /** Who gets the lease of what is accepted; null: nobody, whoever feeds fetches it. */
  readonly workerId: number | null;
  readonly hasDay: (day: string) => boolean;
  readonly uuid7: (atMs: number) => string;
  readonly parkedEvent: ParkedEventOf;
  readonly published?: () => void;
  readonly subscribers?: Subscribers;
  readonly leaseMs: number;
}

/** Journals a batch. */
export async function appendBatch(deps: AppendDeps, tx: Tx, entries: readonly Entry[]): Promise<Worked<Journaled>> {
  failpoint("journal.before-identities");
  const gathered: Gathered = { drafts: [], answers: new Map(), completions: [], parts: [], conflicts: [] };
  await plain(
    deps,
    tx,
    entries.filter((entry) => !entry.pairs),
    gathered,
  );
  await exchanges(
    deps,
    tx,
    entries.filter((entry) => entry.pairs),
    gathered,
  );
  await conflicts(deps, tx, gathered);
  await insertDrafts(deps, tx, gathered.drafts);
  const completed = await complete(deps, tx, gathered.completions);
  const published = await parkedEvents(deps, tx, gathered.drafts);
  await storeHistory(tx, [
    ...gathered.drafts.map((draft) => ({
      messageId: draft.id,
      state: draft.state,
      by: "journal",
      ...(draft.park ? { note: draft.park.code } : {}),
    })),
    ...[...completed.values()].map((row) => ({ messageId: row.id, state: row.state, by: "journal", note: "exchange complete" })),
  ]);
  failpoint("journal.before-commit");
  await noteParkedMessages(
    tx,
    gathered.drafts.flatMap(({ id, park, entry }) =>
      park ? [{ id, partner: entry.inbound.partner, kind: entry.inbound.kind, reason: park }] : [],
    ),
  );
  const accepted = new Map(gathered.drafts.map((draft) => [draft.entry, draft]));
  return {
    answers: entries.map((entry): Journaled => {
      const answer = gathered.answers.get(entry);
      if (answer) return answer();
      const row = completed.get(entry);
      if (row)
        return row.state === "received"
          ? { kind: "accepted", message: messageOf(row) }
          : { kind: "duplicate", messageId: row.id, state: row.state };
      const draft = accepted.get(entry);
      if (!draft) throw new Error("an inbound has no answer");
      if (draft.park) return { kind: "parked", messageId: draft.id, reason: draft.park };
      return { kind: "accepted", message: messageOf(rowOf(draft, tx.nowMs)) };
    }),
    ...(published && deps.published ? { committed: deps.published } : {}),
  };
}

/** Messages that are whole: identities first, so that the same message of two workers is one. */
async function plain(deps: AppendDeps, tx: Tx, entries: readonly Entry[], gathered: Gathered): Promise<void> {
  if (entries.length === 0) return;
  const ids = new Map(entries.map((entry) => [entry, deps.uuid7(tx.nowMs)]));
  const idOf = (entry: Entry): string => ids.get(entry) ?? "";
  const draft = (entry: Entry): Draft => {
    const park = entry.inbound.refusal;
    const made = draftOf(entry, idOf(entry), { state: park ? "parked" : "received", ...(park ? { park } : {}) });
    gathered.drafts.push(made);
    return made;
  };
  const identified = entries.flatMap((entry) => (entry.identity === undefined ? [] : [{ entry, identity: entry.identity }]));
  const taken = new Set<string>();
  if (identified.length > 0) {
    const rows = identified.map(({ entry, identity }) => ({
      partner: entry.inbound.partner,
      identity,
      message_id: idOf(entry),
      fingerprint: entry.fingerprint,
    }));
    for (const row of await run<{ message_id: string }>(tx.client, "journal_take", sql.TAKE_IDENTITIES, sql.IDENTITY_ROWS.params(rows))) {
      taken.add(row.message_id);
    }
  }
  const owners = new Map<string, Owner>();
  for (const entry of entries) {
    if (entry.identity !== undefined && !taken.has(idOf(entry))) continue;
    const made = draft(entry);
    const owner: Owner = { messageId: made.id, fingerprint: entry.fingerprint, state: made.state, draft: made };
    if (entry.identity !== undefined) owners.set(pairKey(entry.inbound.partner, entry.identity), owner);
  }
  const again = identified.filter(({ entry }) => !taken.has(idOf(entry)));
  const unknown = again
    .map(({ entry, identity }) => ({ one: entry.inbound.partner, two: identity }))
    .filter(({ one, two }) => !owners.has(pairKey(one, two)));
  if (unknown.length > 0) {
    const rows = await run<OwnerRow>(tx.client, "journal_owners", sql.OWNERS, sql.PAIRS.params(unknown));
    for (const row of rows) {
      owners.set(pairKey(row.partner, row.identity), ownerOf(row));
    }
  }
  for (const { entry, identity } of again) {
    const owner = owners.get(pairKey(entry.inbound.partner, identity));
    if (!owner) throw new Error("an identity is taken by nobody");
    cameBefore(entry, owner, gathered);
  }
}

interface OwnerRow {
  readonly partner: string;
  readonly identity: string;
  readonly message_id: string;
  readonly fingerprint: Buffer;
  /** Null: its day is past retention. */
  readonly state: MessageState | null;
  readonly park: ParkReason | null;
}

const ownerOf = (row: Pick<OwnerRow, "message_id" | "fingerprint" | "state" | "park">): Owner => ({
  messageId: row.message_id,
  fingerprint: row.fingerprint,
  state: row.state ?? "settled", // only what is finished goes
  ...(row.park === null ? {} : { park: row.park }),
});

/** The same again is a duplicate; the same name with other bytes is a conflict; what was refused is refused again, as long as nobody has worked on it. */
function cameBefore(entry: Entry, owner: Owner, gathered: Gathered): void {
  const { refusal: reason } = entry.inbound;
  const state = owner.draft?.state ?? owner.state;
  if (reason !== undefined && state === "parked") {
    gathered.answers.set(entry, () => ({ kind: "parked", messageId: owner.messageId, reason }));
    return;
  }
  if (owner.fingerprint.equals(entry.fingerprint)) {
    gathered.answers.set(entry, () => {
      const state = owner.draft?.state ?? owner.state;
      const reason = owner.draft ? owner.draft.park : owner.park;
      return { kind: "duplicate", messageId: owner.messageId, state, ...(state === "parked" && reason ? { reason } : {}) };
    });
  } else gathered.conflicts.push({ entry, owner });
}

/** Parts of exchanges: paired under a lock of their exchange, so that two workers with one part each cannot miss each other. */
async function exchanges(deps: AppendDeps, tx: Tx, entries: readonly Entry[], gathered: Gathered): Promise<void> {
  if (entries.length === 0) return;
  await lockTexts(
    tx.client,
    entries.map((entry) => `exchange ${exchangeKey(entry.inbound)}`),
  );
  const asked = [...new Map(entries.map((entry) => [exchangeKey(entry.inbound), entry.inbound])).values()];
  const keys = asked.map((inbound) => ({ partner: inbound.partner, kind: inbound.kind, exchange_id: inbound.exchange?.id ?? "" }));
  const slots = new Map<string, Owner>();
  const slotOf = (inbound: Inbound, part: string): string => JSON.stringify([inbound.partner, inbound.kind, inbound.exchange?.id, part]);
  for (const row of await run<PartRow>(tx.client, "journal_parts", sql.PARTS, sql.EXCHANGE_KEYS.params(keys))) {
    slots.set(JSON.stringify([row.partner, row.kind, row.exchange_id, row.part]), ownerOf(row));
  }
  for (const entry of entries) {
    const { inbound } = entry;
    const part = inbound.exchange?.part ?? "request";
    const before = slots.get(slotOf(inbound, part));
    if (before) {
      cameBefore(entry, before, gathered);
      continue;
    }
    const other = slots.get(slotOf(inbound, part === "request" ? "reply" : "request"));
    const here = other ? joined(entry, other, tx.nowMs, gathered) : waiting(deps, tx, entry, gathered);
    slots.set(slotOf(inbound, part), here);
    gathered.parts.push({ entry, messageId: here.messageId });
  }
  const rows = gathered.parts.map(({ entry, messageId }) => ({
    partner: entry.inbound.partner,
    kind: entry.inbound.kind,
    exchange_id: entry.inbound.exchange?.id ?? "",
    part: entry.inbound.exchange?.part ?? "",
    message_id: messageId,
    fingerprint: entry.fingerprint,
  }));
  if (rows.length > 0) await run(tx.client, "journal_insert_parts", sql.INSERT_PARTS, [...sql.PART_ROWS.params(rows), tx.nowMs]);
}

interface PartRow {
  readonly partner: string;
  readonly kind: string;
  readonly exchange_id: string;
  readonly part: string;
  readonly message_id: string;
  readonly fingerprint: Buffer;
  /** Null: its day is past retention. */
  readonly state: MessageState | null;
  readonly park: ParkReason | null;
}

function waiting(deps: AppendDeps, tx: Tx, entry: Entry, gathered: Gathered): Owner {
  const draft = draftOf(entry, deps.uuid7(tx.nowMs), { state: "awaiting-part" });
  gathered.drafts.push(draft);
  gathered.answers.set(entry, () => ({ kind: "awaiting-part", messageId: draft.id }));
  return { messageId: draft.id, fingerprint: entry.fingerprint, state: "awaiting-part", draft };
}

/** The second part makes the message whole: in this batch's draft, or in the row that waits. */
function joined(entry: Entry, other: Owner, nowMs: number, gathered: Gathered): Owner {
  const { draft } = other;
  const { inbound } = entry;
  if (!draft) {
    gathered.completions.push({ entry, id: other.messageId });
    return { messageId: other.messageId, fingerprint: entry.fingerprint, state: "received" };
  }
  if (inbound.exchange?.part === "request") {
    draft.raw = inbound.raw;
    draft.spokenFor = inbound;
  } else {
    draft.reply = inbound.raw;
    if (inbound.exchange?.returnValue !== undefined) draft.returnValue = inbound.exchange.returnValue;
  }
  draft.state = "received";
  // Its number is known once it is inserted; the entry is answered from the draft.
  gathered.answers.set(entry, () => ({ kind: "accepted", message: messageOf(rowOf(draft, nowMs)) }));
  return { messageId: draft.id, fingerprint: entry.fingerprint, state: "received", draft };
}

/** Keeps each conflict as a parked message of its own, once (decision 5: never dropped). */
async function conflicts(deps: AppendDeps, tx: Tx, gathered: Gathered): Promise<void> {
  if (gathered.conflicts.length === 0) return;
  const named = gathered.conflicts.map(({ entry, owner }) => ({
    entry,
    owner,
    partner: entry.inbound.partner,
    identity: entry.identity ?? "",
  }));
  await lockTexts(
    tx.client,
    named.map(({ partner, identity }) => `identity ${pairKey(partner, identity)}`),
  );
  const keyed = (partner: string, identity: string, fingerprint: Buffer): string =>
    JSON.stringify([partner, identity, fingerprint.toString("hex")]);
  const asked = named.map(({ entry, owner, partner, identity }) => ({
    partner,
    identity,
    fingerprint: entry.fingerprint,
    message_id: owner.messageId,
  }));
  const known = new Map<string, string>();
  const found = await run<{ partner: string; identity: string; fingerprint: Buffer; message_id: string }>(
    tx.client,
    "journal_conflicts",
    sql.CONFLICTS,
    sql.CONFLICT_ROWS.params(asked),
  );
  for (const row of found) known.set(keyed(row.partner, row.identity, row.fingerprint), row.message_id);
  const rows: { partner: string; identity: string; fingerprint: Buffer; message_id: string }[] = [];
  for (const { entry, owner, partner, identity } of named) {
    const key = keyed(partner, identity, entry.fingerprint);
    let messageId = known.get(key);
    if (messageId === undefined) {
      const park = refusal("IDENTITY_CONFLICT");
      const draft = draftOf(entry, deps.uuid7(tx.nowMs), { state: "parked", park, duplicateOf: owner.messageId });
      gathered.drafts.push(draft);
      rows.push({ partner, identity, fingerprint: entry.fingerprint, message_id: draft.id });
      messageId = draft.id;
      known.set(key, messageId);
    }
    const id = messageId;
    gathered.answers.set(entry, () => ({ kind: "conflict", messageId: id, with: owner.messageId }));
  }
  if (rows.length > 0) await run(tx.client, "journal_insert_conflicts", sql.INSERT_CONFLICTS, sql.CONFLICT_ROWS.params(rows));
}

async function insertDrafts(deps: AppendDeps, tx: Tx, drafts: readonly Draft[]): Promise<void> {
  if (drafts.length === 0) return;
  const rows = drafts.map((draft) => ({
    id: draft.id,
    door: draft.entry.inbound.door,
    partner: draft.entry.inbound.partner,
    kind: draft.entry.inbound.kind,
    identity: draft.identity ?? null,
    exchange_id: draft.entry.inbound.exchange?.id ?? null,
    content_type: draft.spokenFor.contentType ?? null,
    charset: draft.spokenFor.charset ?? null,
    headers: JSON.stringify(draft.spokenFor.headers),
    ...rawColumns(draft.raw),
    reply: draft.reply ?? null,
    return_value: draft.returnValue ?? null,
    traceparent: draft.entry.inbound.traceparent ?? null,
    state: draft.state,
    park: draft.park ? JSON.stringify(draft.park) : null,
    duplicate_of: draft.duplicateOf ?? null,
  }));
  const values = [...sql.MESSAGE_ROWS.params(rows), tx.nowMs, deps.workerId, deps.leaseMs];
  const inserted = await run<{ id: string; seq: bigint }>(tx.client, "journal_insert", sql.INSERT_MESSAGES, values);
  const seqs = new Map(inserted.map((row) => [row.id, row.seq]));
  for (const draft of drafts) draft.seq = seqs.get(draft.id) ?? draft.seq;
}

async function complete(
  deps: AppendDeps,
  tx: Tx,
  completions: Gathered["completions"],
): Promise<ReadonlyMap<Entry, MessageRow & { readonly state: MessageState }>> {
  if (completions.length === 0) return new Map();
  const rows = completions.map(({ entry, id }) => {
    const { inbound } = entry;
    const isRequest = inbound.exchange?.part === "request";
    return {
      id,
      ...rawColumns(isRequest ? inbound.raw : undefined),
      reply: isRequest ? null : inbound.raw,
      return_value: inbound.exchange?.returnValue ?? null,
      content_type: inbound.contentType ?? null,
      charset: inbound.charset ?? null,
      headers: JSON.stringify(inbound.headers),
    };
  });
  const days = daysOf(
    rows.map((row) => row.id),
    deps.hasDay,
  );
  const values = [...sql.COMPLETION_ROWS.params(rows), tx.nowMs, deps.workerId, deps.leaseMs];
  const done = await run<MessageRow & { readonly state: MessageState }>(
    tx.client,
    `journal_complete${days.name}`,
    sql.completeMessages(days),
    values,
  );
  const byId = new Map(done.map((row) => [row.id, row]));
  return new Map(
    completions.flatMap(({ entry, id }) => {
      const row = byId.get(id);
      return row ? [[entry, row] as const] : [];
    }),
  );
}

/** message.parked events of what is parked from the start. Answers whether any is owed to the broker. */
async function parkedEvents(deps: AppendDeps, tx: Tx, drafts: readonly Draft[]): Promise<boolean> {
  const parked = drafts.flatMap((draft) => (draft.park ? [{ draft, reason: draft.park }] : []));
  const seqs = await eventNumbers(tx, parked.length);
  const rows = parked.map(({ draft, reason }, index) => {
    const { inbound } = draft.entry;
    const summary = {
      id: draft.id,
      partner: inbound.partner,
      kind: inbound.kind,
      door: inbound.door,
      ...(draft.identity === undefined ? {} : { identity: draft.identity }),
      ...(inbound.traceparent === undefined ? {} : { traceparent: inbound.traceparent }),
      receivedAt: chinaDateTimeOf(tx.nowMs),
    };
    const sealed = deps.parkedEvent(summary, reason, []);
    return { messageId: draft.id, event: sealed.event, seq: seqs[index] ?? 0n, ordinal: 0, publish: sealed.publish };
  });
  await storeEvents(tx, rows);
  await oweToFlows(tx, rows, deps.subscribers);
  return rows.some((row) => row.publish);
}
