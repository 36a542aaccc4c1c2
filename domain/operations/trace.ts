/**
 * One message across doors, flows, events and partners, as a list of hops between parties (InterSystems' visual trace is the model: engines.md section 2). Pure: made of
 * what the detail of a message already tells, masked or not.
 */
import { wants } from "../subscribers/pattern.ts";
import type { AcknowledgementView } from "./views-acknowledgements.ts";
import type { AuditRow, Attempt, EventRow, MessageDetail, WriteBackRow } from "./views.ts";
import type { Hop, Legs, Party, Trace } from "./views-inspect.ts";

/** Hops of one trace, at most. */
const HOPS_MAX = 500;

/** What the detail does not have. */
export interface TraceExtras {
  readonly legs: Legs;
  /** The flow's answer to the sender, as long as it is kept (a day). */
  readonly answer?: { readonly verdict: string; readonly text?: string; readonly at: string };
  /** Names of events that the broker has not confirmed yet. */
  readonly unpublished: ReadonlySet<string>;
  readonly subscribers: readonly { readonly name: string; readonly patterns: readonly string[]; readonly checkpoint: bigint }[];
  readonly acknowledgements: readonly AcknowledgementView[];
  /** Deeds on the write-backs of the message; those on itself are in the detail. */
  readonly actions: readonly AuditRow[];
  readonly replays: Trace["replays"];
}

type Draft = Omit<Hop, "n">;
const facts = (given: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));

/** Of hops of one instant: causes before effects. */
const RANK: Readonly<Record<Hop["kind"], number>> = {
  received: 0,
  answered: 1,
  state: 2,
  translated: 3,
  parked: 4,
  duplicate: 4,
  event: 5,
  handed: 6,
  owed: 7,
  copy: 7,
  attempt: 8,
  inquiry: 8,
  acknowledgement: 9,
  closed: 10,
  deed: 11,
};

/** Milliseconds between two China times. */
function between(start: string, end: string | undefined): number | undefined {
  if (end === undefined) return undefined;
  const ms = Date.parse(end) - Date.parse(start);
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

class Parties {
  readonly all = new Map<string, Party>();
  of(kind: Party["kind"], name: string): string {
    const id = `${kind}:${name}`;
    if (!this.all.has(id)) this.all.set(id, { id, kind, name });
    return id;
  }
  /** From left to right as a message goes. */
  inOrder(): Party[] {
    const order: readonly Party["kind"][] = ["sender", "door", "flow", "events", "subscriber", "destination", "person"];
    return [...this.all.values()].sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
  }
}

const OUTCOME_STATE: Readonly<Record<string, Hop["state"]>> = { acknowledged: "good", rejected: "bad", unclear: "bad" };

function arrival(detail: MessageDetail, extras: TraceExtras, parties: Parties): Draft[] {
  const { message } = detail;
  const sender = parties.of("sender", message.partner);
  const door = parties.of("door", message.door);
  const payloads: Hop["payloads"] = [...(detail.raw ? [{ of: "raw" as const }] : []), ...(detail.reply ? [{ of: "reply" as const }] : [])];
  const received: Draft = {
    kind: "received",
    at: message.receivedAt,
    from: sender,
    to: door,
    state: "info",
    what: message.kind,
    facts: facts({
      identity: message.identity,
      exchange: message.exchangeId,
      bytes: message.bytes,
      seq: message.seq,
      charset: detail.charset,
    }),
    payloads,
  };
  const { sender: leg } = extras.legs;
  if (leg === "not-owed") return [received];
  const answered: Draft = {
    kind: "answered",
    // Never before its bytes were committed; the instant itself is not kept.
    at: extras.answer?.at ?? message.receivedAt,
    from: door,
    to: sender,
    state: leg === "waiting" ? "open" : leg === "refused" ? "bad" : "good",
    what: leg,
    facts: facts({ text: extras.answer?.text }),
    payloads: [],
  };
  return [received, answered];
}

/** What the flow made of it, run by run. */
function work(detail: MessageDetail, parties: Parties): Draft[] {
  const { message } = detail;
  const door = parties.of("door", message.door);
  const last = detail.history.at(-1);
  return detail.history.flatMap((row): Draft[] => {
    if (row.state === "received" && row.by === "journal") return [];
    const isLast = row === last;
    const flow = row.by === "engine" || row.by === "journal" ? (message.flow ?? "engine") : row.by;
    const base = { at: row.at, from: door, what: row.state, payloads: [] };
    const note = row.note?.startsWith("[") === true ? undefined : row.note;
    switch (row.state) {
      case "settled":
        return [
          {
            ...base,
            kind: "translated",
            to: parties.of("flow", flow),
            state: "good",
            facts: facts({
              mapping: isLast ? message.mapping : undefined,
              events: isLast ? ownEvents(detail).length : undefined,
              run: isLast ? message.run : undefined,
              note,
            }),
          },
        ];
      case "duplicate":
        return [
          {
            ...base,
            kind: "duplicate",
            to: parties.of("flow", flow),
            state: "info",
            facts: facts({ mapping: message.mapping, note }),
            ...(message.duplicateOf === undefined ? {} : { messageId: message.duplicateOf }),
          },
        ];
      case "parked": {
        const reason = isLast ? message.parked : undefined;
        return [
          {
            ...base,
            kind: "parked",
            to: parties.of("flow", flow),
            state: "bad",
            facts: facts({
              mapping: isLast ? message.mapping : undefined,
              node: reason?.node?.name ?? reason?.node?.type,
              place: reason?.place,
              note,
            }),
            ...(reason === undefined ? {} : { why: { zh: reason.zh, en: reason.en, code: reason.code } }),
          },
        ];
      }
      default:
        return [{ ...base, kind: "state", to: parties.of("flow", flow), state: "info", facts: facts({ by: row.by, note }) }];
    }
  });
}

/** What the message itself told; what became of its write-backs is told as events, too, of other partners. */
const ownEvents = (detail: MessageDetail): readonly EventRow[] => detail.events.filter((one) => !one.type.startsWith("writeback."));

function events(detail: MessageDetail, extras: TraceExtras, parties: Parties): Draft[] {
  const flow = parties.of("flow", detail.message.flow ?? "engine");
  return detail.events.flatMap((row): Draft[] => {
    const told = parties.of("events", "huiliu.events");
    const waits = extras.unpublished.has(row.id);
    const made: Draft = {
      kind: "event",
      at: row.storedAt,
      from: row.type.startsWith("writeback.") ? parties.of("destination", row.partner) : flow,
      to: told,
      state: !row.published ? "info" : waits ? "open" : "good",
      what: row.type,
      facts: facts({
        subject: row.subject,
        businessDate: row.businessDate,
        seq: row.seq,
        published: row.published ? (waits ? "waiting" : "yes") : "no",
      }),
      eventId: row.id,
      payloads: [{ of: "event", eventId: row.id }],
    };
    if (!row.published || waits) return [made];
    const handed = extras.subscribers
      .filter((one) => wants(one.patterns, row.type))
      .map((one): Draft => {
        const read = BigInt(row.seq) <= one.checkpoint;
        return {
          kind: "handed",
          at: row.storedAt,
          from: told,
          to: parties.of("subscriber", one.name),
          state: read ? "good" : "open",
          what: row.type,
          facts: facts({ read: read ? "yes" : "not-yet" }),
          eventId: row.id,
          payloads: [],
        };
      });
    return [made, ...handed];
  });
}

/** Events whose flow has not ended, or parked. */
function deliveries(detail: MessageDetail, parties: Parties): Draft[] {
  return detail.eventDeliveries.map((one) => ({
    kind: "handed",
    at: one.owedAt,
    from: parties.of("events", "huiliu.events"),
    to: parties.of("flow", one.subscriber.split("/")[0] ?? one.subscriber),
    state: one.state === "parked" ? "bad" : "open",
    what: one.state,
    facts: facts({ subscriber: one.subscriber, run: one.run }),
    eventId: one.eventId,
    ...(one.parked === undefined ? {} : { why: { zh: one.parked.zh, en: one.parked.en, code: one.parked.code } }),
    payloads: [],
  }));
}

function attemptHop(row: WriteBackRow, one: Attempt, door: string, to: string): Draft {
  const ms = between(one.startedAt, one.endedAt);
  return {
    kind: one.action === "ask" ? "inquiry" : "attempt",
    at: one.startedAt,
    ...(ms === undefined ? {} : { ms }),
    from: door,
    to,
    state: one.outcome === undefined ? "open" : (OUTCOME_STATE[one.outcome] ?? "info"),
    ...(one.outcome === undefined ? {} : { what: one.outcome }),
    facts: facts({ attempt: one.n, step: one.step, status: one.status, code: one.code, text: one.text, worker: one.worker }),
    ...(one.why === undefined
      ? {}
      : { why: { zh: one.whyZh ?? one.why, en: one.why, ...(one.whyCode === undefined ? {} : { code: one.whyCode }) } }),
    writeBackId: row.id,
    payloads: [
      { of: "body", writeBackId: row.id },
      ...(one.reply === undefined ? [] : [{ of: "attempt-reply" as const, writeBackId: row.id, attempt: one.n }]),
    ],
  };
}

const CLOSED: Readonly<Record<string, Hop["state"]>> = { acknowledged: "good", resolved: "info", parked: "bad" };

function writeBacks(detail: MessageDetail, extras: TraceExtras, parties: Parties): Draft[] {
  const flow = parties.of("flow", detail.message.flow ?? "engine");
  return detail.writeBacks.flatMap(({ writeBack: row, attempts }): Draft[] => {
    const to = parties.of("destination", row.destination);
    const owed: Draft = {
      kind: row.replayOf === undefined ? "owed" : "copy",
      at: row.owedAt,
      from: flow,
      to,
      state: CLOSED[row.state] ?? "open",
      what: row.kind,
      facts: facts({
        lane: row.lane,
        laneSeq: row.laneSeq,
        amount: row.amount,
        serial: row.serial,
        state: row.state,
        replayOf: row.replayOf,
        replacedBy: row.replacedBy,
      }),
      writeBackId: row.id,
      payloads: [{ of: "body", writeBackId: row.id }],
    };
    const own = extras.acknowledgements
      .filter((one) => one.writeBackId === row.id)
      .map(
        (one): Draft => ({
          kind: "acknowledgement",
          at: one.receivedAt,
          from: to,
          to: parties.of("door", one.door),
          state: one.state === "applied" || one.state === "early" ? "good" : "bad",
          what: one.state,
          facts: facts({ outcome: one.outcome, named: one.named, code: one.code, text: one.text, receipt: one.receiptNo }),
          why: { zh: one.whyZh, en: one.why, ...(one.whyCode === undefined ? {} : { code: one.whyCode }) },
          writeBackId: row.id,
          messageId: one.messageId,
          payloads: [],
        }),
      );
    const closed: Draft[] =
      row.closedAt === undefined
        ? []
        : [
            {
              kind: "closed",
              at: row.closedAt,
              from: to,
              to: flow,
              state: row.state === "acknowledged" ? "good" : "info",
              what: row.state,
              facts: facts({
                how: row.how,
                receipt: row.receipt?.partnerNo,
                resolution: row.resolution,
                by: row.resolvedBy,
                reason: row.resolutionReason,
                hisReceiptNo: row.hisReceiptNo,
                supersededBy: row.supersededBy,
              }),
              writeBackId: row.id,
              payloads: [],
            },
          ];
    return [owed, ...attempts.map((one) => attemptHop(row, one, flow, to)), ...own, ...closed];
  });
}

/** What people did with it. Looking is a deed, too, when it was unmasked. */
function deeds(rows: readonly AuditRow[], detail: MessageDetail, parties: Parties): Draft[] {
  return rows.map((row) => {
    const writeBack = detail.writeBacks.find((one) => one.writeBack.id === row.targetId)?.writeBack;
    const to = writeBack ? parties.of("destination", writeBack.destination) : parties.of("door", detail.message.door);
    return {
      kind: "deed",
      at: row.at,
      from: parties.of("person", row.who),
      to,
      state: "info",
      what: row.action,
      facts: facts({ reason: row.reason, approvedBy: row.approvedBy, audit: row.id }),
      ...(writeBack === undefined ? {} : { writeBackId: writeBack.id }),
      payloads: [],
    };
  });
}

/** The whole trace, oldest first. */
export function traceOf(detail: MessageDetail, extras: TraceExtras): Trace {
  const parties = new Parties();
  const drafts = [
    ...arrival(detail, extras, parties),
    ...work(detail, parties),
    ...events(detail, extras, parties),
    ...deliveries(detail, parties),
    ...writeBacks(detail, extras, parties),
    ...deeds([...detail.actions, ...extras.actions], detail, parties),
  ].sort((one, other) => (one.at ?? "").localeCompare(other.at ?? "") || RANK[one.kind] - RANK[other.kind]);
  const shown = drafts.slice(0, HOPS_MAX);
  return {
    messageId: detail.message.id,
    partner: detail.message.partner,
    legs: extras.legs,
    parties: parties.inOrder().filter(({ id }) => shown.some((one) => one.from === id || one.to === id)),
    hops: shown.map((one, index) => ({ n: index + 1, ...one })),
    cut: drafts.length > shown.length,
    replays: extras.replays,
  };
}
