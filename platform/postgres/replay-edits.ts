/** Edit-and-replay of one write-back (domain/replay/edit.ts): a proposal, another person's approval bound to its content, a linked copy in the original's place. */
import { createHash } from "node:crypto";
import iconv from "iconv-lite";
import { charsetOf, decode } from "../../domain/mapping/charset.ts";
import { maskText } from "../../domain/operations/masking.ts";
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Edit } from "../../domain/operations/views-replay.ts";
import { diffOf, EDIT_BYTES_MAX, editContent, editKey, editRuling } from "../../domain/replay/edit.ts";
import { proposalText } from "../../domain/replay/genuine.ts";
import type { Edits } from "../../domain/replay/ports.ts";
import { resolvedDraft } from "../../domain/writeback/events.ts";
import { at, createUuid7, msOf } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { isUuid, moment, present, reading } from "./operations-sql.ts";
import { type LockedWriteBack, lockWriteBack, publishDeed } from "./operations-write-back-deeds.ts";
import { behindAnother } from "./replay-sql.ts";
import { pack, unpack } from "./packed.ts";
import { run } from "./sql.ts";
import { notTwoPeople } from "./two-people.ts";
import { factsOf } from "./write-back-facts.ts";

type Row = Record<string, unknown>;
/** What was proposed that long ago was looked at that long ago. */
const PROPOSAL_KEPT_HOURS = 24;
/** Characters of a write-back's key: as many as the first key has (bin/engine/dialects.ts). */
const KEY_CHARS = 40;
const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** Proposals listed as waiting for a second person, at most. */
const WAITING_MAX = 200;
const COLUMNS = `e.id, e.write_back_id as "writeBackId", e.edit_no as "editNo", e.state, e.content_hash as hash, e.proposed_by as "proposedBy", e.reason,
  ${moment("e.proposed_at")} as "proposedAt", e.confirmed_checked as "confirmedChecked", e.decided_by as "decidedBy", e.decision_reason as "decisionReason",
  ${moment("e.decided_at")} as "decidedAt", e.copy_id as "copyId"`;
const ONE = `select ${COLUMNS}, e.body, w.charset, b.body as original from replay_edit e join write_back w on w.id = e.write_back_id
  left join write_back_body b on b.message_id = e.message_id and b.write_back_id = e.write_back_id where e.id = $1`;
const ALL = `select ${COLUMNS} from replay_edit e where e.write_back_id = $1 order by e.edit_no`;
/** Open ones wait for a second person; there are few. $1 destinations or null. */
const WAITING = `select ${COLUMNS} from replay_edit e where e.state = 'proposed'
    and ($1::text[] is null or exists (select 1 from write_back w where w.id = e.write_back_id and w.destination = any($1))) order by e.proposed_at limit ${WAITING_MAX}`;
const ORIGINAL = `select w.charset, b.body from write_back w join write_back_body b on b.message_id = w.message_id and b.write_back_id = w.id where w.id = $1`;
const NEXT_NO = `select coalesce(max(e.edit_no), 0) + 1 as no, coalesce(bool_or(e.state = 'proposed'), false) as open from replay_edit e where e.write_back_id = $1`;
const PROPOSE = `insert into replay_edit (id, write_back_id, message_id, edit_no, state, body, content_hash, proposed_by, reason, confirmed_checked, attempts, proposed_at,
    proposed_account, proposal_mac)
  values ($1, $2, $3, $4::integer, 'proposed', $5::bytea, $6, $7, $8, $9, $10::integer, ${at("$11")}, $12, $13)`;
const OF_EDIT = "select e.write_back_id as id from replay_edit e where e.id = $1";
const LOCK = `select e.id, e.write_back_id, e.edit_no, e.state, e.body, e.content_hash, e.proposed_by, e.reason, e.confirmed_checked, e.attempts, e.proposed_account, e.proposal_mac, ${msOf("e.proposed_at")} as proposed_ms,
    e.proposed_at < (select huiliu_now()) - interval '${PROPOSAL_KEPT_HOURS} hours' as expired from replay_edit e
  where e.id = $1 for update`;
const DECIDE = `update replay_edit set state = $2, decided_by = $3, decision_reason = $4, decided_at = ${at("$5")}, copy_id = $6::uuid where id = $1`;
const CLOSE = `update write_back w set state = 'resolved', closed_at = ${at("$2")}, lease_worker = null, lease_until = null, next_at = null,
  token = w.token + 1, resolution = 'superseded', resolved_by = $3, resolution_reason = $4 where w.id = $1`;
/** In the original's place: its lane, its number in the lane, its cause. What is its own is the key and the body. $1 original, $2 copy, $3 key, $4 now in ms. */
const COPY = `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, bill, cause_event_id, cause_type, content_type, charset,
    amount_fen, serial, business_date, flow, node, order_key, forced, traceparent, state, action, because, next_at, owed_at, replay_of)
  select $2, $3, w.message_id, w.destination, w.kind, w.mapping, w.lane, w.lane_seq, w.bill, w.cause_event_id, w.cause_type, w.content_type, w.charset,
    w.amount_fen, w.serial, w.business_date, w.flow, w.node, w.order_key, w.forced, w.traceparent,
    case when ${behindAnother("w")} then 'queued' else 'waiting' end, 'send', 'replay', ${at("$4")}, w.owed_at, w.id from write_back w where w.id = $1`;
const COPY_BODY = "insert into write_back_body (message_id, write_back_id, body) values ($1, $2, $3::bytea)";

interface LockedEdit {
  readonly id: string;
  readonly write_back_id: string;
  readonly edit_no: number;
  readonly state: string;
  readonly body: Buffer;
  readonly content_hash: string;
  readonly proposed_by: string;
  readonly reason: string;
  readonly confirmed_checked: boolean;
  readonly attempts: number;
  readonly proposed_account: string | null;
  readonly proposal_mac: string | null;
  readonly expired: boolean;
  readonly proposed_ms: number;
}

/** Whether the engine wrote the proposal as it stands there, body and all (reliability.md A16). */
function isGenuine(edit: LockedEdit, mac: (text: string) => string): boolean {
  const { id, write_back_id: writeBackId, edit_no: editNo, content_hash: contentHash } = edit;
  if (sha256(editContent({ writeBackId, editNo, bodyHash: sha256(edit.body) })) !== contentHash) return false;
  const proposal = {
    ...{ id, writeBackId, editNo, contentHash, proposedBy: edit.proposed_by, proposedAccount: edit.proposed_account, reason: edit.reason },
    ...{ confirmedChecked: edit.confirmed_checked, attempts: edit.attempts },
  };
  return edit.proposal_mac === mac(proposalText(proposal));
}

/** The edited bytes; undefined when they are not given once, are too long, or cannot be written in the original's charset without loss. */
function bytesOf(given: { readonly text?: string; readonly base64?: string }, declared: string): Buffer | undefined {
  const { text, base64 } = given;
  if ((text === undefined) === (base64 === undefined)) return undefined;
  const charset = charsetOf(declared);
  const bytes = base64 === undefined ? iconv.encode(text ?? "", charset ?? "utf-8") : Buffer.from(base64, "base64");
  if (bytes.byteLength === 0 || bytes.byteLength > EDIT_BYTES_MAX) return undefined;
  if (text !== undefined && charset !== undefined && decode(bytes, charset) !== text) return undefined;
  return bytes;
}

/** A body that carries its key carries the copy's: under the old one the partner would take it for the original. Keys are hex of one length, in any charset. */
const withKey = (bytes: Buffer, before: string, after: string): Buffer =>
  Buffer.from(bytes.toString("latin1").replaceAll(before, after), "latin1");

const copyKeyOf = (row: LockedWriteBack, editNo: number): string =>
  sha256(editKey({ causeEventId: row.cause_event_id, destination: row.destination, kind: row.kind }, editNo)).slice(0, KEY_CHARS);

const textOf = (bytes: unknown, declared: string): string => {
  const charset = charsetOf(declared);
  return bytes instanceof Uint8Array
    ? ((charset === undefined ? undefined : decode(bytes, charset)) ?? Buffer.from(bytes).toString("latin1"))
    : "";
};

export function createEdits(deps: OperationsDeps): Edits {
  const on = deps.replay?.editAndReplay === true;
  const uuid7 = createUuid7();

  const get = async (id: string): Promise<Answered<Edit>> => {
    if (!isUuid(id)) return refused("UNKNOWN_EDIT");
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const [row] = (await client.query<Row>(ONE, [id])).rows;
      if (row === undefined) return refused("UNKNOWN_EDIT");
      const { body, charset, original, ...rest } = row;
      const diff = diffOf(
        textOf(original instanceof Uint8Array ? unpack(original) : original, String(charset)),
        textOf(body, String(charset)),
      );
      return answered({ ...present(rest), diff: diff.map(({ op, text }) => ({ op, text: maskText(text) })) } as unknown as Edit);
    });
  };

  const list = async (writeBackId: string): Promise<Answered<readonly Edit[]>> => {
    if (!isUuid(writeBackId)) return refused("UNKNOWN_WRITE_BACK");
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) =>
      answered((await client.query<Row>(ALL, [writeBackId])).rows.map((row) => present(row) as unknown as Edit)),
    );
  };

  const waiting: Edits["waiting"] = (destinations) =>
    reading(deps.reads, READ_TIMEOUT_MS, async (client) =>
      answered((await client.query<Row>(WAITING, [destinations ?? null])).rows.map((row) => present(row) as unknown as Edit)),
    );

  const propose: Edits["propose"] = async (writeBackId, body, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!on) return refused("EDIT_OFF");
    if (!isUuid(writeBackId)) return refused("UNKNOWN_WRITE_BACK");
    let id = "";
    const done = await doing(deps, async (tx): Promise<Deeded> => {
      const row = await lockWriteBack(tx, writeBackId);
      if ("ok" in row) return row;
      const confirmedChecked = deed.confirmedChecked === true;
      const no = editRuling({ state: row.state, mayHaveTakenEffect: row.may_have_taken_effect }, { confirmedChecked });
      if (no) return refused(no, { state: row.state });
      const [stored] = await run<{ charset: string; body: Buffer }>(tx.client, "edit_original", ORIGINAL, [writeBackId]);
      const given = stored && bytesOf(body, stored.charset);
      if (!stored || !given) return refused("EDIT_BODY");
      if (given.equals(unpack(stored.body))) return refused("EDIT_UNCHANGED");
      const [next] = await run<{ no: number; open: boolean }>(tx.client, "edit_next", NEXT_NO, [writeBackId]);
      if (next?.open === true) return refused("EDIT_OPEN");
      id = uuid7(tx.nowMs);
      const editNo = next?.no ?? 1;
      const bytes = withKey(given, row.key, copyKeyOf(row, editNo));
      const hash = sha256(editContent({ writeBackId, editNo, bodyHash: sha256(bytes) }));
      const account = deed.account ?? null;
      const proposal = {
        ...{ id, writeBackId, editNo, contentHash: hash, proposedBy: sign.by, proposedAccount: account, reason: sign.reason },
        ...{ confirmedChecked, attempts: row.attempts },
      };
      const mac = deps.audit?.approval(proposalText(proposal)) ?? null;
      const values = [id, writeBackId, row.message_id, editNo, bytes, hash, sign.by, sign.reason, confirmedChecked, row.attempts, tx.nowMs];
      await run(tx.client, "edit_propose", PROPOSE, [...values, account, mac]);
      const after = { edit: id, editNo, hash, bytes: bytes.byteLength };
      const auditId = await note(tx, {
        who: sign.by,
        action: "propose-edit",
        targetKind: "write-back",
        targetId: writeBackId,
        reason: sign.reason,
        after,
      });
      return { ok: true, done: { id, kind: "edit", state: "proposed", auditId } };
    });
    return done.ok ? get(id) : done;
  };

  /** The copy in, the original closed, their lineage both ways, the event, the audit: all of it, or nothing. */
  const apply = async (
    tx: Tx,
    row: LockedWriteBack,
    edit: LockedEdit,
    sign: { readonly by: string; readonly reason: string },
  ): Promise<Deeded> => {
    const copy = uuid7(tx.nowMs);
    const key = copyKeyOf(row, edit.edit_no);
    const decided = {
      decision: "superseded" as const,
      by: { name: edit.proposed_by },
      approvedBy: { name: sign.by },
      reason: edit.reason,
      atMs: tx.nowMs,
    };
    const sealed = deps.sealWriteBack(resolvedDraft(factsOf(row), decided));
    if (!sealed.ok) {
      deps.log.error({ writeBackId: row.id, problems: sealed.problems }, "writeback.resolved could not be sealed; nothing was changed");
      return refused("EVENT_REFUSED", { state: row.state });
    }
    // The original leaves its place as the lane's head first: a lane has one.
    await run(tx.client, "edit_close", CLOSE, [row.id, tx.nowMs, edit.proposed_by, edit.reason]);
    await run(tx.client, "edit_copy", COPY, [row.id, copy, key, tx.nowMs]);
    await run(tx.client, "edit_copy_body", COPY_BODY, [row.message_id, copy, pack(edit.body, "wire")]);
    await run(tx.client, "edit_decide", DECIDE, [edit.id, "applied", sign.by, sign.reason, tx.nowMs, copy]);
    const outbox = await publishDeed(tx, row.message_id, sealed.event, deps.subscribers);
    const entry = { who: edit.proposed_by, approvedBy: sign.by, reason: edit.reason, targetKind: "write-back" as const };
    const after = { edit: edit.id, hash: edit.content_hash };
    await note(tx, { ...entry, action: "replay-edited", targetId: copy, after: { ...after, replayOf: row.id, key } });
    const before = { state: row.state, attempts: row.attempts, park: row.park ?? undefined };
    const closed = { state: "resolved", decision: "superseded", replacedBy: copy };
    const auditId = await note(tx, { ...entry, action: "resolve", targetId: row.id, before, after: { ...after, ...closed } });
    const due = { outbox, destinations: [row.destination], eventDeliveries: [] };
    return { ok: true, done: { id: edit.id, kind: "edit", state: "applied", auditId }, committed: () => deps.after(due) };
  };

  /** Locks the original's lane and row before the edit's: a deed on the original and this one meet at the same lock. */
  const withEdit = async (
    id: string,
    work: (tx: Tx, row: LockedWriteBack, edit: LockedEdit) => Promise<Deeded>,
  ): Promise<Answered<Edit>> => {
    if (!isUuid(id)) return refused("UNKNOWN_EDIT");
    const done = await doing(deps, async (tx): Promise<Deeded> => {
      const [of] = await run<{ id: string }>(tx.client, "edit_of", OF_EDIT, [id]);
      if (!of) return refused("UNKNOWN_EDIT");
      const row = await lockWriteBack(tx, of.id);
      if ("ok" in row) return row;
      const [edit] = await run<LockedEdit>(tx.client, "edit_lock", LOCK, [id]);
      if (!edit) return refused("UNKNOWN_EDIT");
      return edit.state === "proposed" ? work(tx, row, edit) : refused("EDIT_DECIDED", { state: edit.state });
    });
    return done.ok ? get(id) : done;
  };

  const approve: Edits["approve"] = async (id, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!on) return refused("EDIT_OFF");
    return withEdit(id, async (tx, row, edit) => {
      const proposer = { by: edit.proposed_by, account: edit.proposed_account };
      const one = await notTwoPeople(tx, proposer, { by: sign.by, account: deed.account }, edit.proposed_ms);
      if (one) return one;
      if (deed.hash !== edit.content_hash) return refused("HASH_DIFFERS");
      if (edit.expired) return refused("APPROVAL_EXPIRED");
      if (deps.audit !== undefined && !isGenuine(edit, deps.audit.approval)) return refused("NOT_GENUINE");
      const asker = edit.proposed_account;
      if (asker !== null && deps.mayStill !== undefined && !(await deps.mayStill(asker, "edit", tx.client))) return refused("RIGHT_LOST");
      // Tried again since: whether that attempt took effect nobody has looked, and the new key would be new to the partner.
      if (row.attempts !== edit.attempts) return refused("CONFIRM_REQUIRED", { state: row.state });
      const no = editRuling(
        { state: row.state, mayHaveTakenEffect: row.may_have_taken_effect },
        { confirmedChecked: edit.confirmed_checked },
      );
      return no === undefined ? apply(tx, row, edit, sign) : refused(no, { state: row.state });
    });
  };

  const withdraw: Edits["withdraw"] = async (id, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    return withEdit(id, async (tx, row, edit) => {
      await run(tx.client, "edit_decide", DECIDE, [edit.id, "withdrawn", sign.by, sign.reason, tx.nowMs, null]);
      const entry = { who: sign.by, action: "withdraw-edit", targetKind: "write-back" as const, targetId: row.id, reason: sign.reason };
      const auditId = await note(tx, { ...entry, after: { edit: edit.id } });
      return { ok: true, done: { id: edit.id, kind: "edit", state: "withdrawn", auditId } };
    });
  };

  return { propose, list, get, waiting, approve, withdraw };
}
