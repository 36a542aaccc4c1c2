/**
 * The simulated laboratory system that offers nothing but a database view, V_CHARGE (mappings/lis-view/charge-row): a program of its own that speaks PostgreSQL's wire, with rows
 * of its own and a watermark that never goes back, whatever is done to the clock. It is asked nothing but what is new; README.md says what its ledger means by that.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chinaIso } from "../clock.ts";
import { fenOf, listOf, maybeTextOf, objectOf, type Order, textOf } from "../fields.ts";
import { yuanOfFen } from "../money.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import type { Row } from "./select.ts";
import { startViewServer, type Struck } from "./server.ts";

const USER = "huiliu";
const DATABASE = "lis";
const VIEW = "V_CHARGE";
const COLUMNS = [
  ...["CHARGE_NO", "ORDER_NO", "PATIENT_ID", "PATIENT_NAME", "PATIENT_CLASS", "VISIT_ID", "BILL_NO", "ITEM_CODE", "ITEM_NAME"],
  ...["QUANTITY", "PRICE", "AMOUNT", "ORDER_DEPT", "ORDER_DOCTOR", "PERFORM_DEPT", "STATUS", "UPDATED_AT"],
] as const;
const CHARGED = "1";
const CANCELLED = "2";

type Counters = { charged: number; cancelled: number; reads: number; rowsRead: number };

interface Laboratory {
  readonly premises: Premises;
  readonly rows: Map<string, Row>;
  readonly counters: Counters;
  /** The last watermark, in milliseconds. */
  last: number;
}

/** Starts a laboratory. Its orders: `charge`, `cancel`. */
export async function startLisView(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const laboratory: Laboratory = { premises, rows: new Map(), counters: { charged: 0, cancelled: 0, reads: 0, rowsRead: 0 }, last: 0 };
  for await (const line of premises.past()) {
    if (line.effect) put(laboratory, JSON.parse(line.raw) as Row);
  }
  const password = passwordAt(join(options.dataDir, `${options.name}.password`));
  const { counters, rows } = laboratory;
  const server = await startViewServer({
    view: { name: VIEW, columns: COLUMNS, rows: () => [...rows.values()] },
    port: options.port,
    user: USER,
    password,
    database: DATABASE,
    strike: () => strikeOf(laboratory),
    refuses: () => refuses(premises),
    read: (many) => {
      counters.rowsRead += many;
    },
  });
  const control = await premises.open({
    counters: () => ({ ...counters, rows: rows.size }),
    changed: async () => {
      if (premises.faults.refusing() !== null) server.cut();
    },
    listening: () => premises.faults.refusing() === null,
    send: (order) => write(laboratory, order),
  });
  return {
    url: `postgres://${USER}@127.0.0.1:${server.port}/${DATABASE}`,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { viewPassword: password },
    async close() {
      await server.close();
      await premises.close();
    },
  };
}

/** The account's password, the same at every start. */
function passwordAt(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8").trim();
}

function refuses({ faults }: Premises): boolean {
  if (faults.refusing() === null) return false;
  faults.resetConnection();
  return true;
}

async function strikeOf({ premises, counters }: Laboratory): Promise<Struck> {
  counters.reads += 1;
  const plan = premises.faults.plan({ scope: "write-back", bill: null, kind: "read" });
  if (plan.hang !== undefined) return "hang";
  if (plan["503"] !== undefined || plan.reject !== undefined) return "busy";
  if (plan.slow !== undefined) await premises.timers.wait(plan.slow.ms ?? 0);
  if (plan["drop-reply"] !== undefined) return "cut";
  return plan.garble === undefined ? "well" : "garbage";
}

const watermarkOf = (ms: number): string => chinaIso(ms).slice(0, 23).replace("T", " ");

function put(laboratory: Laboratory, row: Row): void {
  laboratory.rows.set(row.CHARGE_NO ?? "", row);
  const at = Date.parse(`${(row.UPDATED_AT ?? "").replace(" ", "T")}+08:00`);
  if (at > laboratory.last) laboratory.last = at;
}

/** Writes the row down first: what stands in the view stands in the ledger. */
async function commit(laboratory: Laboratory, given: Row, kind: string): Promise<Row> {
  const { premises } = laboratory;
  laboratory.last = Math.max(premises.clock.now(), laboratory.last + 1);
  const row: Row = { ...given, UPDATED_AT: watermarkOf(laboratory.last) };
  const amount = (row.AMOUNT ?? "").replace(".", "").replace(/^0+(?=\d)/, "");
  const key = `${row.CHARGE_NO}|${row.STATUS}|${row.UPDATED_AT}`;
  await premises.record({
    key,
    kind,
    order: row.BILL_NO ?? null,
    amount,
    effect: true,
    answer: "committed",
    raw: JSON.stringify(row),
    sent: true,
    serial: row.CHARGE_NO ?? "",
  });
  put(laboratory, row);
  return row;
}

const CLASSES: Readonly<Record<string, string>> = { O: "1", I: "2" };

/**
 * `{"message":"charge","order","bill","visit","patient":{no,name?},"class"?: O|I,"lines":[{no,code,name,quantity,price,fen}],"dept"?,"doctor"?}`: a row for each line, charge number
 * `<order>-<line>`. `{"message":"cancel","charge"}`: that row says so and moves to the view's end; strict: once.
 */
async function write(laboratory: Laboratory, order: Order): Promise<unknown> {
  const kind = textOf(order, "message");
  if (kind === "cancel") {
    const charge = textOf(order, "charge");
    const row = laboratory.rows.get(charge);
    if (row === undefined) throw new OrderRefused(`there is no charge ${charge}`);
    if (row.STATUS === CANCELLED && laboratory.premises.mode() === "strict") throw new OrderRefused(`${charge} is cancelled already`);
    laboratory.counters.cancelled += 1;
    return commit(laboratory, { ...row, STATUS: CANCELLED }, "charge-row-cancel");
  }
  if (kind !== "charge") throw new OrderRefused("message is charge or cancel");
  const patient = objectOf(order, "patient");
  const no = textOf(order, "order");
  const rows: Row[] = [];
  for (const line of listOf(order, "lines")) {
    const charge = `${no}-${textOf(line, "no")}`;
    if (laboratory.rows.has(charge) && laboratory.premises.mode() === "strict") throw new OrderRefused(`${charge} is charged already`);
    laboratory.counters.charged += 1;
    const row: Row = {
      CHARGE_NO: charge,
      ORDER_NO: no,
      PATIENT_ID: textOf(patient, "no"),
      PATIENT_NAME: maybeTextOf(patient, "name") ?? null,
      PATIENT_CLASS: CLASSES[maybeTextOf(order, "class") ?? "O"] ?? "3",
      VISIT_ID: textOf(order, "visit"),
      BILL_NO: textOf(order, "bill"),
      ITEM_CODE: textOf(line, "code"),
      ITEM_NAME: textOf(line, "name"),
      QUANTITY: textOf(line, "quantity"),
      PRICE: textOf(line, "price"),
      AMOUNT: yuanOfFen(fenOf(line, "fen")),
      ORDER_DEPT: maybeTextOf(order, "dept") ?? "内科门诊",
      ORDER_DOCTOR: maybeTextOf(order, "doctor") ?? null,
      PERFORM_DEPT: "检验科",
      STATUS: CHARGED,
    };
    rows.push(await commit(laboratory, row, "charge-row"));
  }
  return { rows: rows.length };
}
