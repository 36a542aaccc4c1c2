/** The simulated mobile payment platform of the insurance (医保移动支付): orders, payment, refund, inquiry, and the notice 6302 that it sends of its own accord. README.md. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf } from "../body.ts";
import { chinaDigits, chinaTime } from "../clock.ts";
import { listOf, type Order, textOf } from "../fields.ts";
import { type FeeLine, sharesOf } from "../frontmachine/shares.ts";
import { confused, countAt, fenAt, rowsAt, textOf as fieldOf, yuan } from "../frontmachine/wire.ts";
import { tellByGateway } from "../gateway.ts";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { type Answered, strike } from "../strike.ts";
import { OrderRefused } from "../told.ts";
import { APP_SECRET, type Data, HOSPITAL_PRIVATE, open, PLATFORM_PUBLIC, seal } from "./sealed.ts";

const JSON_TYPE = "application/json; charset=UTF-8";
const KINDS: Readonly<Record<string, string>> = {
  "6201": "order",
  "6202": "settle",
  "6203": "reverse",
  "6301": "inquiry",
  "6401": "withdraw",
};
const BALANCE = 36_245n;

interface Paid {
  readonly payOrdId: string;
  readonly payToken: string;
  readonly bill: string;
  readonly total: bigint;
  readonly fund: bigint;
  readonly account: bigint;
  readonly cash: bigint;
  /** ordStas of the specification. */
  state: string;
  at: string;
  refund: { readonly sn: string; readonly done: Data } | null;
}
interface Told {
  readonly ok: boolean;
  readonly message: string;
  readonly data?: Data;
  readonly effect: boolean;
  readonly order?: Paid;
}
interface Platform {
  readonly premises: Premises;
  readonly orders: Map<string, Paid>;
  readonly counters: { requests: number; calls: number; inquiries: number; unreadable: number; notices: number };
  /** What the next refunds answer: EXP, having done it or not. */
  exp: "done" | "undone" | null;
}

const no = (message: string): Told => ({ ok: false, message, effect: false });
const yes = (data: Data, order: Paid, effect: boolean): Told => ({ ok: true, message: "成功", data, effect, order });

function make(platform: Platform, data: Data, at: string): Told {
  const bill = fieldOf(data, "medOrgOrd");
  const lines: FeeLine[] = rowsAt(data, "feedetailList").map((row, index) => ({
    sn: String(index + 1),
    code: fieldOf(row, "medListCodg"),
    amount: fenAt(row, "detItemFeeSumamt") ?? 0n,
    count: countAt(row, "cnt") ?? 10_000n,
  }));
  if (bill === "" || lines.length === 0) return no("医疗机构订单号或费用明细为空");
  const shares = sharesOf(lines, fieldOf(data, "insutype"), BALANCE, fieldOf(data, "acctUsedFlag") || "0");
  if (fenAt(data, "medfeeSumamt") !== shares.total) return no("医疗费总额与明细之和不符");
  const serial = `${chinaDigits(Date.parse(`${at.replace(" ", "T")}+08:00`)).slice(0, 8)}${String(platform.orders.size + 1).padStart(6, "0")}`;
  const order: Paid = {
    payOrdId: `ORD990101${serial}`,
    payToken: `PT${serial}`,
    bill,
    total: shares.total,
    fund: shares.fund,
    account: shares.account,
    cash: shares.cash,
    state: "1",
    at,
    refund: null,
  };
  platform.orders.set(order.payOrdId, order);
  return yes({ payOrdId: order.payOrdId, payToken: order.payToken, cashierUrl: "" }, order, true);
}

function pay(platform: Platform, data: Data, at: string): Told {
  const order = platform.orders.get(fieldOf(data, "payOrdId"));
  if (!order || order.payToken !== fieldOf(data, "payToken")) return no("订单不存在");
  if (fieldOf(data, "payAuthNo") === "" && fieldOf(data, "ecAuthCode") === "") return no("支付授权码与电子凭证不能同时为空");
  const first = order.state === "1";
  if (first) Object.assign(order, { state: "6", at });
  return yes({ payOrdId: order.payOrdId, ordStas: order.state, ...amountsOf(order) }, order, first);
}
const amountsOf = (order: Paid): Data => ({
  feeSumamt: yuan(order.total),
  ownPayAmt: yuan(order.cash),
  psnAcctPay: yuan(order.account),
  fundPay: yuan(order.fund),
});

function refund(platform: Platform, data: Data, at: string, strict: boolean): Told {
  const order = platform.orders.get(fieldOf(data, "payOrdId"));
  if (!order) return no("订单不存在");
  const sn = fieldOf(data, "appRefdSn");
  if (strict && order.refund?.sn === sn) return yes(order.refund.done, order, false);
  if (order.state !== "6") return no("订单状态不允许退款");
  if (fenAt(data, "totlRefdAmt") !== order.total) return no("总退费金额应等于原交易总金额");
  const kind = fieldOf(data, "refdType");
  if (!["ALL", "HI", "CASH"].includes(kind)) return no("退费类型不合法");
  const digits = chinaDigits(Date.parse(`${at.replace(" ", "T")}+08:00`));
  const told = (refStatus: string): Data => ({
    refdSn: `RS${sn}`,
    hiFefdSn: `HR${sn}`,
    hiTrnsDate: digits.slice(0, 8),
    hiTrnsTime: digits.slice(8),
    refStatus,
  });
  if (platform.exp === "undone") return yes(told("EXP"), order, false);
  const done = told("SUCC");
  Object.assign(order, { state: kind === "ALL" ? "7" : kind === "HI" ? "8" : "9", at, refund: { sn, done } });
  return yes(platform.exp === "done" ? told("EXP") : done, order, kind !== "CASH");
}

function inquire(platform: Platform, data: Data): Told {
  const order = platform.orders.get(fieldOf(data, "payOrdId"));
  if (!order) return no("订单不存在");
  const about = {
    callType: order.refund ? "3" : "2",
    medOrgOrd: order.bill,
    traceTime: order.at,
    orgCodg: fieldOf(data, "orgCodg"),
    orgName: "示例市第一人民医院",
    setlType: "ALL",
  };
  return yes(
    { ordStas: order.state, payOrdId: order.payOrdId, ...about, ...amountsOf(order), revsToken: `RV${order.payOrdId}` },
    order,
    false,
  );
}

function withdraw(platform: Platform, data: Data): Told {
  const order = platform.orders.get(fieldOf(data, "payOrdId"));
  if (order?.state !== "1") return no("订单不存在或已支付");
  order.state = "12";
  return yes({ success: true }, order, true);
}

function work(platform: Platform, infno: string, data: Data, at: string, strict: boolean): Told {
  if (infno === "6201") return make(platform, data, at);
  if (infno === "6202") return pay(platform, data, at);
  if (infno === "6203") return refund(platform, data, at, strict);
  if (infno === "6301") return inquire(platform, data);
  return infno === "6401" ? withdraw(platform, data) : no(`不支持的交易 ${infno}`);
}

/** Starts the platform. Its orders (`send`) are in README.md. */
export async function startMobilePlatform(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const platform: Platform = {
    premises,
    orders: new Map(),
    counters: { requests: 0, calls: 0, inquiries: 0, unreadable: 0, notices: 0 },
    exp: null,
  };
  for await (const line of premises.past()) {
    const { infno, data } =
      line.effect && line.sent !== true ? (JSON.parse(line.raw) as { infno: string; data: Data }) : { infno: "", data: {} };
    if (infno !== "") work(platform, infno, data, line.at.slice(0, 19).replace("T", " "), false);
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    platform.counters.requests += 1;
    route(platform, request, response).catch((error: unknown) => {
      process.stderr.write(`the mobile platform failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  };
  const listener = await createListener(options.port, premises.faults, handle);
  const control = await premises.open({
    counters: () => platform.counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(platform, order),
  });
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { appSecret: APP_SECRET, privateKey: HOSPITAL_PRIVATE, publicKey: PLATFORM_PUBLIC },
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

const answerOf = (told: Pick<Told, "ok" | "message" | "data">): Answered => ({
  status: 200,
  contentType: JSON_TYPE,
  body: Buffer.from(seal(told.data, Date.now(), { success: told.ok, code: told.ok ? 0 : 100_023, message: told.message })),
});

const PATH = /\/(6\d{3})$/;

async function route(platform: Platform, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { premises, counters } = platform;
  const infno = PATH.exec((request.url ?? "").split("?", 1)[0] ?? "")?.[1];
  if (request.method !== "POST" || infno === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = await bodyOf(request);
  if (body === "aborted") return;
  if (body === "too-large") {
    response.writeHead(413, { connection: "close" }).end();
    return;
  }
  const data = open(body.toString("utf8"));
  if (typeof data === "string") {
    counters.unreadable += 1;
    await premises.record({
      key: null,
      kind: "unreadable",
      order: null,
      amount: null,
      effect: false,
      answer: data,
      raw: body.toString("utf8"),
    });
    const { status, contentType, body: told } = answerOf({ ok: false, message: data });
    response.writeHead(status, { "content-type": contentType }).end(told);
    return;
  }
  await call(platform, infno, data, response);
}

async function call(platform: Platform, infno: string, data: Data, response: ServerResponse): Promise<void> {
  const { premises, counters, orders } = platform;
  const kind = KINDS[infno] ?? "unknown";
  const known = orders.get(fieldOf(data, "payOrdId"));
  const bill = known?.bill ?? (fieldOf(data, "medOrgOrd") || null);
  counters[kind === "inquiry" ? "inquiries" : "calls"] += 1;
  const plan = premises.faults.plan({ scope: kind === "inquiry" ? "inquiry" : "write-back", bill, kind });
  const fault = Object.keys(plan).join("+");
  const key = fieldOf(data, "appRefdSn") || fieldOf(data, "orgBizSer") || fieldOf(data, "payOrdId") || fieldOf(data, "medOrgOrd") || null;
  const line = { key, kind, order: bill, raw: JSON.stringify({ infno, data }), ...(fault === "" ? {} : { fault }) };
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, amount: null, effect: false, answer }),
    async work() {
      const refused = plan.reject === undefined ? undefined : no(plan.reject.text ?? "平台拒绝");
      const told = refused ?? work(platform, infno, data, chinaTime(premises.clock.now()), premises.mode() === "strict");
      await record(platform, line, told);
      return confused(answerOf(told), plan);
    },
  });
}

async function record(
  platform: Platform,
  line: { key: string | null; kind: string; order: string | null; raw: string; fault?: string },
  told: Told,
): Promise<void> {
  const { order } = told;
  const insured =
    order && told.effect && (line.kind === "settle" || line.kind === "reverse")
      ? { insured: { fund: String(order.fund), account: String(order.account), cash: String(order.cash) } }
      : {};
  await platform.premises.record({
    ...line,
    order: order?.bill ?? line.order,
    amount: order === undefined ? null : String(order.total),
    effect: told.effect,
    answer: told.ok ? String(told.data?.refStatus ?? told.data?.ordStas ?? "0") : "100023",
    ...(order === undefined ? {} : { serial: order.payOrdId }),
    ...insured,
  });
}

/**
 * `{"message":"paid","bill","lines":[{code, fen}], "insutype"?}`: an order made and paid in the patient's app (two lines of the ledger), and the notice 6302 to the engine; tells payOrdId,
 * payToken, fund, account, cash. `{"message":"notice","payOrdId"}`: tells it again. `{"message":"exp","is":"done|undone|off"}`: how the next refunds answer.
 */
async function send(platform: Platform, order: Order): Promise<unknown> {
  const message = textOf(order, "message");
  if (message === "exp") {
    const is = textOf(order, "is");
    platform.exp = is === "done" || is === "undone" ? is : null;
    return { exp: platform.exp };
  }
  if (message === "notice") return notify(platform, textOf(order, "payOrdId"));
  if (message !== "paid") throw new OrderRefused("message is paid, notice or exp");
  const at = chinaTime(platform.premises.clock.now());
  const own = async (infno: string, data: Data): Promise<Paid> => {
    const told = work(platform, infno, data, at, true);
    if (!told.ok || !told.order) throw new OrderRefused(told.message);
    await record(
      platform,
      { key: told.order.payOrdId, kind: KINDS[infno] ?? "", order: told.order.bill, raw: JSON.stringify({ infno, data }) },
      told,
    );
    return told.order;
  };
  const lines = listOf(order, "lines").map((line) => ({ medListCodg: textOf(line, "code"), cnt: "1", fen: textOf(line, "fen") }));
  const total = lines.reduce((sum, line) => sum + BigInt(line.fen), 0n);
  const feedetailList = lines.map(({ fen, ...line }) => ({ ...line, detItemFeeSumamt: yuan(BigInt(fen)) }));
  const made = await own("6201", {
    medOrgOrd: textOf(order, "bill"),
    insutype: "310",
    acctUsedFlag: "1",
    medfeeSumamt: yuan(total),
    feedetailList,
  });
  await own("6202", { payOrdId: made.payOrdId, payToken: made.payToken, payAuthNo: `AUTH${made.payOrdId}` });
  const told = await notify(platform, made.payOrdId);
  return {
    payOrdId: made.payOrdId,
    payToken: made.payToken,
    fund: String(made.fund),
    account: String(made.account),
    cash: String(made.cash),
    ...told,
  };
}

async function notify(platform: Platform, payOrdId: string): Promise<{ readonly status: number; readonly answer: string }> {
  const { premises, counters } = platform;
  const order = platform.orders.get(payOrdId);
  if (!order) throw new OrderRefused(`no order ${payOrdId}`);
  counters.notices += 1;
  const data = {
    payOrdId,
    callType: "02",
    medOrgOrd: order.bill,
    traceTime: order.at,
    feeSumamt: yuan(order.total),
    ownpayAmt: yuan(order.cash),
    psnAcctPay: yuan(order.account),
    fundPay: yuan(order.fund),
    hiChrgTime: order.at.slice(11).replaceAll(":", ""),
    hiDocSn: `SE${payOrdId}`,
    hiRgstSn: `MD${payOrdId}`,
    orgName: "示例市第一人民医院",
    setlType: "ALL",
    revsToken: `RV${payOrdId}`,
  };
  const body = seal(data, Date.now());
  const told = await tellByGateway(premises, {
    message: "notify-6302",
    id: `N${payOrdId}-${counters.notices}`,
    body,
    contentType: JSON_TYPE,
    order: order.bill,
    amount: order.total,
    serial: payOrdId,
    raw: JSON.stringify(data),
  });
  return { status: told.status, answer: told.text };
}
