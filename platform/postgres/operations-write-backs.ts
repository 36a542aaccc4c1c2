/** Write-backs and the audit as operators read them. */
import { type AuditFilter, PAGE_DEFAULT, READ_TIMEOUT_MS, type WriteBackFilter } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { AuditRow, Page, WriteBackDetail, WriteBackRow } from "../../domain/operations/views.ts";
import { MANUAL, replayRuling } from "../../domain/writeback/manual.ts";
import type { WriteBackState } from "../../domain/writeback/ports.ts";
import { at } from "./clock.ts";
import { acknowledgementsOf } from "./operations-acknowledgements.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { isGone } from "./gone.ts";
import * as rows from "./operations-rows.ts";
import { conditions, isUuid, LAST_UUID, messagesOfKeys, present, reading, within } from "./operations-sql.ts";
import { unpack } from "./packed.ts";
import { LANE_BEHIND_MAX } from "./write-back-sql.ts";

const ATTEMPTS_MAX = 1_000;
type Row = Record<string, unknown>;

export function createWriteBackReads(deps: OperationsDeps) {
  const { reads: pool } = deps;

  const writeBacks = (filter: WriteBackFilter): Promise<Answered<Page<WriteBackRow>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    if (filter.keys !== undefined) {
      const names = deps.partners().map((one) => one.partner);
      const ids = filter.keys.filter(isUuid);
      const byId = ids.length === 0 ? "" : ` union select x.id from write_back x where x.id = any(${where.param(ids)}::uuid[])`;
      where.and(`w.id in (select x.id from write_back x where x.message_id in (${messagesOfKeys(filter.keys, names, where)})
        union select x.id from write_back x where x.key = any(${where.param(filter.keys)}::text[])${byId})`);
    }
    if (filter.destination !== undefined) where.and(`w.destination = ${where.param(filter.destination)}`);
    if (filter.destinations !== undefined) where.and(`w.destination = any(${where.param(filter.destinations)}::text[])`);
    if (filter.kind !== undefined) where.and(`w.kind = ${where.param(filter.kind)}`);
    if (filter.state !== undefined) where.and(`w.state = ${where.param(filter.state)}`);
    if (filter.businessDate !== undefined) where.and(`w.business_date = ${where.param(filter.businessDate)}::date`);
    within(where, "w.id", filter);
    where.and(`w.id < ${where.param(filter.after ?? LAST_UUID)}::uuid`);
    const text = `select ${rows.WRITE_BACK_COLUMNS} from write_back w where ${where.text()} order by w.id desc limit ${limit + 1}`;
    return reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<Row>(text, where.values);
      return answered(
        rows.pageOf(
          found.rows,
          limit,
          (row) => rows.writeBackView(row),
          (row) => String(row.id),
        ),
      );
    });
  };

  const writeBack = (id: string, shown: rows.Shown): Promise<Answered<WriteBackDetail>> =>
    reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = isUuid(id) ? await client.query<Row>(WRITE_BACK, [id]) : undefined;
      const row = found?.rows[0];
      if (!row) return refused("UNKNOWN_WRITE_BACK");
      const { mapping, flow, node, causeEventId, causeType, contentType, charset, bill, body, behind, ...head } = row;
      const attempts = await client.query<Row>(ATTEMPTS, [head.messageId, id]);
      const acknowledgements = await acknowledgementsOf(client, id, shown);
      const actions = await client.query<Row>(ACTIONS, [id]);
      const view = rows.writeBackView(head, shown);
      const gone: string[] = [];
      if (!(body instanceof Uint8Array) && (await isGone(client, view.messageId, "bodies"))) gone.push("bodies");
      if (attempts.rows.length === 0 && (await isGone(client, view.messageId, "attempts"))) gone.push("attempts");
      return answered(
        present({
          writeBack: view,
          mapping: String(mapping),
          flow: String(flow),
          node: String(node),
          cause: { eventId: String(causeEventId), type: String(causeType) },
          contentType: String(contentType),
          bill: bill as string | null,
          body: body instanceof Uint8Array ? rows.bytesView(unpack(body), shown, String(charset)) : null,
          gone: gone.length === 0 ? null : gone,
          attempts: attempts.rows.map((one) => rows.attemptView(one, shown, String(charset))),
          acknowledgements,
          behind: Number(behind),
          allowed: allowedOf(view),
          actions: actions.rows.map(rows.auditView),
        }) as WriteBackDetail,
      );
    });

  /** What a person may do now. `ask`: the partner is asked first; `send`: only after somebody looked in its system. */
  const allowedOf = (row: WriteBackRow): WriteBackDetail["allowed"] => {
    const state = row.state as WriteBackState;
    const view = { state, mayHaveTakenEffect: row.mayHaveTakenEffect };
    const ruling = replayRuling(view, deps.policy(row.destination), { confirmedChecked: true, reason: "what would be allowed" });
    return {
      replay: ruling.ok ? ruling.action : "no",
      resolve: MANUAL[state].resolve === undefined,
      cancel: MANUAL[state].cancel === undefined,
    };
  };

  const audit = (filter: AuditFilter): Promise<Answered<Page<AuditRow>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    if (filter.who !== undefined) where.and(`o.who = ${where.param(filter.who)}`);
    if (filter.action !== undefined) where.and(`o.action = ${where.param(filter.action)}`);
    if (filter.targetKind !== undefined) where.and(`o.target_kind = ${where.param(filter.targetKind)}`);
    if (filter.targetId !== undefined) where.and(`o.target_id = ${where.param(filter.targetId)}`);
    if (filter.fromMs !== undefined) where.and(`o.at >= ${at(where.param(filter.fromMs))}`);
    if (filter.toMs !== undefined) where.and(`o.at < ${at(where.param(filter.toMs))}`);
    if (filter.after !== undefined) where.and(`o.id < ${where.param(filter.after)}::bigint`);
    const text = `select ${rows.AUDIT_COLUMNS} from operator_action o where ${where.text()} order by o.id desc limit ${limit + 1}`;
    return reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<Row>(text, where.values);
      return answered(rows.pageOf(found.rows, limit, rows.auditView, (row) => String(row.id)));
    });
  };

  return { writeBacks, writeBack, audit };
}

const WRITE_BACK = `select ${rows.WRITE_BACK_COLUMNS}, w.mapping, w.flow, w.node, w.cause_event_id as "causeEventId", w.cause_type as "causeType",
    w.content_type as "contentType", w.charset, w.bill, b.body,
    (select count(*)::integer from (select 1 from write_back q where q.destination = w.destination and q.lane = w.lane and q.state = 'queued'
      and (w.lane_seq is null or q.lane_seq > w.lane_seq) limit ${LANE_BEHIND_MAX}) as n) as behind
  from write_back w left join write_back_body b on b.message_id = w.message_id and b.write_back_id = w.id where w.id = $1`;
const ATTEMPTS = `select ${rows.ATTEMPT_COLUMNS} from attempt a where a.message_id = $1 and a.write_back_id = $2 order by a.n desc limit ${ATTEMPTS_MAX}`;
const ACTIONS = `select ${rows.AUDIT_COLUMNS} from operator_action o where o.target_kind = 'write-back' and o.target_id = $1::text order by o.id`;
