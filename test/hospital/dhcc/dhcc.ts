/**
 * The simulated 东华 HIS (reference/domain.md 3.3): takes 4906 确认完成 and 4910 撤销预结算 by SOAP, and has self-service clients of its own that call 4906 and 4910 themselves and
 * push request and reply as an exchange. 4905 is the HIS's own affair here: the order `invoice`. What the public sources do not tell - the members of 4909, the answer of 4908 -
 * is not there, so that nobody can ask it what became of a confirmation.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf } from "../body.ts";
import { chinaTime } from "../clock.ts";
import { fenOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { tellByGateway } from "../gateway.ts";
import { createListener } from "../listener.ts";
import { fenOfYuan, yuanOfFen } from "../money.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { type Answered, strike } from "../strike.ts";
import { OrderRefused } from "../told.ts";
import { type Asked, askedOf, CONTENT_TYPE, envelopeOf, faultOf, PATH, requestOf, responseOf } from "./wire.ts";

const DONE = "确认完成成功";

interface Books {
  /** Unpaid invoices (4905) by number: the order's number and fen. */
  readonly invoices: Map<string, { readonly bill: string; readonly fen: string }>;
  /** Confirmed orders: the platform's number and fen. */
  readonly confirmed: Map<string, { readonly platform: string; readonly fen: string }>;
}

type Counters = { requests: number; confirmed: number; withdrawn: number; refused: number; sent: number };

interface Hospital {
  readonly premises: Premises;
  readonly books: Books;
  readonly counters: Counters;
}

/** Starts a DHCC HIS. Its orders: `invoice`, `confirm`, `withdraw`. */
export async function startDhcc(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const books: Books = { invoices: new Map(), confirmed: new Map() };
  for await (const line of premises.past()) remember(books, line);
  const hospital: Hospital = { premises, books, counters: { requests: 0, confirmed: 0, withdrawn: 0, refused: 0, sent: 0 } };
  const listener = await createListener(options.port, premises.faults, (request, response) => {
    hospital.counters.requests += 1;
    route(hospital, request, response).catch((error: unknown) => {
      process.stderr.write(`DHCC failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  });
  const control = await premises.open({
    counters: () => hospital.counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(hospital, order),
  });
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

type Line = {
  readonly kind: string;
  readonly order: string | null;
  readonly amount: string | null;
  readonly serial?: string;
  readonly effect: boolean;
};

/** The ledger is the memory. */
function remember({ invoices, confirmed }: Books, { kind, order, amount, serial, effect }: Line): void {
  if (order === null || serial === undefined) return;
  if (kind === "invoice") invoices.set(serial, { bill: order, fen: amount ?? "" });
  if (kind === "payment-confirm" && effect) confirmed.set(order, { platform: serial, fen: amount ?? "" });
  if (kind === "withdrawal" && effect) invoices.delete(serial);
}

const say = (status: number, body: string): Answered => ({ status, contentType: CONTENT_TYPE, body: Buffer.from(body) });

async function route(hospital: Hospital, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { premises } = hospital;
  const body = request.method === "POST" && request.url === PATH ? await bodyOf(request) : "too-large";
  if (body === "aborted") return;
  if (body === "too-large") {
    response.writeHead(404, { connection: "close" }).end();
    return;
  }
  const raw = body.toString("utf8");
  const asked = askedOf(raw);
  if (typeof asked === "string") {
    await premises.record({ key: null, kind: "unreadable", order: null, amount: null, effect: false, answer: "500", raw });
    response.writeHead(500, { "content-type": CONTENT_TYPE }).end(faultOf(asked));
    return;
  }
  const of = (name: string): string | undefined => asked.members.get(name);
  const [kind, serial] =
    asked.code === "4906" ? (["payment-confirm", of("PayDetails/PlatformNo")] as const) : (["withdrawal", of("InvoiceNoStr")] as const);
  const fen = fenOfYuan(of("PayDetails/PayAmt") ?? "");
  const line = {
    key: serial ?? null,
    kind,
    order: of("OrderNo") ?? null,
    amount: fen === null ? null : fen.toString(),
    raw,
    ...(serial === undefined ? {} : { serial }),
  };
  const plan = premises.faults.plan({ scope: "write-back", bill: line.order, kind });
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, effect: false, answer }),
    async work() {
      const refused = plan.reject === undefined ? problemOf(hospital, asked, fen) : (plan.reject.text ?? "金额不对");
      const code = refused === undefined ? "0" : "-1";
      if (refused === undefined) remember(hospital.books, { ...line, effect: true });
      if (refused !== undefined) hospital.counters.refused += 1;
      else if (kind === "payment-confirm") hospital.counters.confirmed += 1;
      else hospital.counters.withdrawn += 1;
      const fault = Object.keys(plan).join("+");
      await premises.record({ ...line, effect: refused === undefined, answer: code, ...(fault === "" ? {} : { fault }) });
      return say(200, envelopeOf(responseOf(code, refused ?? (kind === "payment-confirm" ? DONE : "撤销成功"))));
    },
  });
}

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  "4906": [
    "HospitalId",
    "PatientID",
    "UserCode",
    "TerminalID",
    "OrderNo",
    "InvoiceNoStr",
    "PayDetails/PayModeCode",
    "PayDetails/PayAmt",
    "PayDetails/PlatformNo",
  ],
  "4910": ["PatientID", "UserCode", "InvoiceNoStr", "TerminalID", "OrderNo", "HospitalID"],
};

/** Why it says no. strict: an order is confirmed once. naive: again each time. */
function problemOf({ premises, books }: Hospital, { code, members }: Asked, fen: bigint | null): string | undefined {
  const needed = NEEDED[code];
  if (needed === undefined) return `交易代码 ${code} 不存在`;
  const absent = needed.find((name) => (members.get(name) ?? "") === "");
  if (absent !== undefined) return `${absent} 不能为空`;
  const [order, invoice] = [members.get("OrderNo") ?? "", members.get("InvoiceNoStr") ?? ""];
  const known = books.confirmed.get(order);
  if (known !== undefined && premises.mode() === "strict") return code === "4906" ? "该结算单已确认" : "该结算单已确认，不能撤销";
  if (code === "4910") return undefined;
  if (fen === null) return "金额格式不对";
  const owed = books.invoices.get(invoice);
  return owed !== undefined && (owed.bill !== order || owed.fen !== fen.toString()) ? "金额不对" : undefined;
}

/**
 * `{"message":"invoice","bill","invoice","fen"}`: 4905, the unpaid invoice that 4906 is held against. `{"message":"confirm","bill","patient","platform","fen","transaction","invoice",
 * "way"?: WX|ZFB|YL|POS,"at"?,"reply"?: code}`: a client of its own called 4906 and pushes the exchange. `{"message":"withdraw","bill","patient","invoice","reply"?}`: the same of 4910.
 */
async function send(hospital: Hospital, order: Order): Promise<unknown> {
  const { premises, books, counters } = hospital;
  const kind = textOf(order, "message");
  const bill = textOf(order, "bill");
  const invoice = textOf(order, "invoice");
  if (kind === "invoice") {
    const line = { kind, order: bill, amount: fenOf(order, "fen").toString(), serial: invoice, effect: false };
    await premises.record({ ...line, key: invoice, answer: "0", raw: "" });
    remember(books, line);
    return { invoice };
  }
  if (kind !== "confirm" && kind !== "withdraw") throw new OrderRefused("message is invoice, confirm or withdraw");
  const code = maybeTextOf(order, "reply") ?? "0";
  const about = { PatientID: textOf(order, "patient"), UserCode: "ZZJ001", TerminalID: "T01", OrderNo: bill, InvoiceNoStr: invoice };
  const reply = responseOf(code, code === "0" ? DONE : "失败");
  counters.sent += 1;
  if (kind === "withdraw")
    return push(hospital, {
      message: "cancel-4910",
      id: `DHCC4910${invoice}`,
      request: requestOf({ TradeCode: "4910", ...about, HospitalID: "2" }),
      reply,
      bill,
      fen: null,
    });
  const fen = fenOf(order, "fen");
  const [date = "", time = ""] = (maybeTextOf(order, "at") ?? chinaTime(premises.clock.now())).split(" ");
  const platform = textOf(order, "platform");
  const details = {
    PayModeCode: maybeTextOf(order, "way") ?? "WX",
    PayAmt: yuanOfFen(fen),
    PlatformNo: platform,
    OutPayNo: textOf(order, "transaction"),
    PayDate: date,
    PayTime: time,
  };
  const request = requestOf({ TradeCode: "4906", HospitalId: "2", ...about }, details);
  return push(hospital, { message: "confirm-4906", id: `DHCC4906${platform}`, request, reply, bill, fen, serial: platform });
}

interface Pushed {
  readonly message: string;
  readonly id: string;
  readonly request: string;
  readonly reply: string;
  readonly bill: string;
  readonly fen: bigint | null;
  readonly serial?: string;
}

async function push({ premises }: Hospital, { message, id, request, reply, bill, fen, serial }: Pushed): Promise<unknown> {
  const told = await tellByGateway(premises, {
    message,
    id,
    body: JSON.stringify({ request, reply }),
    contentType: "application/json; charset=UTF-8",
    order: bill,
    amount: fen,
    ...(serial === undefined ? {} : { serial }),
  });
  return { id, status: told.status, answer: told.text };
}
