/** Acknowledgements that came on their own way, as operators read them. */
import { type AcknowledgementFilter, type AcknowledgementReads, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { answered } from "../../domain/operations/refusals.ts";
import type { AcknowledgementView } from "../../domain/operations/views-acknowledgements.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { MASKED, pageOf, type Shown, whyView } from "./operations-rows.ts";
import { keysOf } from "./settle-sql.ts";
import { conditions, LAST_UUID, moment, present, reading, within } from "./operations-sql.ts";
import type { Client } from "./pool.ts";

/** Acknowledgements shown of one write-back. */
const OF_ONE_MAX = 100;
type Row = Record<string, unknown>;

const COLUMNS = `a.message_id as "messageId", a.destination, a.kind, a.door, a.write_back_id as "writeBackId", a.state, a.outcome, a.named_by as "namedBy", a.named,
  a.code, a.text, a.receipt_no as "receiptNo", a.amount_fen::text as amount, a.serial, a.why, ${moment("a.received_at")} as "receivedAt", ${moment("a.at")} as at`;
const OF_WRITE_BACK = `select ${COLUMNS} from acknowledgement a where a.write_back_id = $1::uuid order by a.message_id limit ${OF_ONE_MAX}`;

function viewOf(row: Row, shown: Shown): AcknowledgementView {
  const { text, why, ...rest } = present(row);
  return {
    ...rest,
    ...whyView(String(why)),
    ...(typeof text === "string" ? { text: shown.text(text) } : {}),
  } as unknown as AcknowledgementView;
}

/** Those that named one write-back, oldest first. */
export async function acknowledgementsOf(client: Client, id: string, shown: Shown): Promise<AcknowledgementView[]> {
  return (await client.query<Row>(OF_WRITE_BACK, [id])).rows.map((row) => viewOf(row, shown));
}

export function createAcknowledgementReads(deps: Pick<OperationsDeps, "reads">): AcknowledgementReads {
  return {
    list: (filter: AcknowledgementFilter) => {
      const limit = filter.limit ?? PAGE_DEFAULT;
      const where = conditions();
      if (filter.state !== undefined) where.and(`a.state = ${where.param(filter.state)}`);
      if (filter.destination !== undefined) where.and(`a.destination = ${where.param(filter.destination)}`);
      if (filter.destinations !== undefined) where.and(`a.destination = any(${where.param(filter.destinations)}::text[])`);
      if (filter.keys !== undefined) {
        const keys = where.param(filter.keys);
        where.and(`(a.named = any(${keys}::text[]) or a.message_id in (${keysOf("k.message_id", `k.value = any(${keys}::text[])`)})
          or a.write_back_id in (select w.id from write_back w where w.key = any(${keys}::text[]) or w.id::text = any(${keys}::text[])))`);
      }
      within(where, "a.message_id", filter);
      where.and(`a.message_id < ${where.param(filter.after ?? LAST_UUID)}::uuid`);
      const text = `select ${COLUMNS} from acknowledgement a where ${where.text()} order by a.message_id desc limit ${limit + 1}`;
      return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
        const found = await client.query<Row>(text, where.values);
        return answered(
          pageOf(
            found.rows,
            limit,
            (row) => viewOf(row, MASKED),
            (row) => String(row.messageId),
          ),
        );
      });
    },
  };
}
