/**
 * The simulated insurer behind a DLL bridge, for where there is no C compiler: the bridge's HTTP face (docs/dll-bridge.md) and the insurer's books in one program.
 * README.md tells what its faults do.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import iconv from "iconv-lite";
import { bodyOf } from "../body.ts";
import { chinaTime } from "../clock.ts";
import type { Plan } from "../faults.ts";
import { fenOf, textOf } from "../fields.ts";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import { type Split, type Books, createBooks } from "./books.ts";
import { type Answered, chongqing, type Dialect, neusoft } from "./dialects.ts";

/** What the bridge is opened with; the development profile hands it to the engine. */
export const BRIDGE_KEY = "simulated-insurer-bridge-key";

type Code = "HUNG" | "GARBLED";
/** One call as the bridge records it. */
interface Call {
  readonly key: string;
  readonly attempt: number;
  readonly role: "send" | "resolve";
  readonly request: string;
  readonly result: { readonly reply: string; readonly returned: number } | { readonly unclear: Code };
  readonly resolves?: number;
  /** The library saw it. */
  readonly did: boolean;
}

interface Bridge {
  readonly premises: Premises;
  readonly dialect: Dialect;
  readonly books: Books;
  readonly calls: Map<string, Call[]>;
  readonly closed: Map<string, number>;
  readonly counters: { calls: number; inquiries: number; effects: number; refused: number; unclear: number };
}

export const startNeusoft = (options: PartnerOptions): Promise<RunningPartner> => start(options, neusoft);
export const startChongqing = (options: PartnerOptions): Promise<RunningPartner> => start(options, chongqing);

async function start(options: PartnerOptions, dialect: Dialect): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const bridge: Bridge = {
    premises,
    dialect,
    books: createBooks(premises.mode),
    calls: new Map(),
    closed: new Map(),
    counters: { calls: 0, inquiries: 0, effects: 0, refused: 0, unclear: 0 },
  };
  // The ledger is the record: what took effect is done again in the books, what was answered is answered again.
  for await (const line of premises.past()) {
    if (line.kind === "fees") bridge.books.charge(line.order ?? "", BigInt(line.amount ?? "0"));
    if (!line.raw.startsWith("{")) continue;
    const call = JSON.parse(line.raw) as Call;
    if (call.did) dialect(call.request, bridge.books, "");
    remember(bridge, call);
  }
  const listener = await createListener(options.port, premises.faults, (request, response) => {
    route(bridge, request, response).catch((error: unknown) => {
      process.stderr.write(`the insurer failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  });
  const control = await premises.open({
    counters: () => bridge.counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => fees(bridge, order),
  });
  return {
    url: listener.url.replace("http:", "dll:"),
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { bridgeKey: BRIDGE_KEY },
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

/** `{"message":"fees","visit":"MZ1","fen":"9250"}`: what the HIS's own client would upload with 2310. */
async function fees({ premises, books }: Bridge, order: Readonly<Record<string, unknown>>): Promise<unknown> {
  if (textOf(order, "message") !== "fees") throw new OrderRefused("message is fees");
  const [visit, fen] = [textOf(order, "visit"), fenOf(order, "fen")];
  books.charge(visit, fen);
  await premises.record({ key: null, kind: "fees", order: visit, amount: fen.toString(), effect: false, answer: "0", raw: "" });
  return { visit, fen: fen.toString() };
}

function remember({ calls }: Bridge, call: Call): void {
  calls.set(call.key, [...(calls.get(call.key) ?? []), call]);
}

const tell = (response: ServerResponse, status: number, call: string, said: Readonly<Record<string, unknown>>): void => {
  response
    .writeHead(status, { "huiliu-call": call, "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify({ call, ...said }));
};

async function route(bridge: Bridge, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { premises, counters } = bridge;
  const header = (name: string): string => String(request.headers[name] ?? "");
  if (request.method === "GET") {
    const plan = premises.faults.plan({ scope: "ping", bill: null, kind: null });
    if (plan.hang !== undefined) return;
    const up = plan["503"] === undefined;
    response
      .writeHead(up ? 200 : 503, { "content-type": "application/json" })
      .end(JSON.stringify({ name: premises.name, state: up ? "ready" : "waiting" }));
    return;
  }
  const body = await bodyOf(request);
  if (body === "aborted") return;
  const refused = (status: number, code: string): void => {
    counters.refused += 1;
    tell(response, status, "not-begun", { code });
  };
  if (body === "too-large") return refused(413, "TOO_LARGE");
  if (header("x-api-key") !== BRIDGE_KEY) return refused(401, "KEY");
  if (request.url !== "/calls/BUSINESS_HANDLE") return refused(404, "UNKNOWN_FUNCTION");
  const [key, attempt, role] = [
    header("huiliu-key"),
    Number(header("huiliu-attempt")),
    header("huiliu-role") === "resolve" ? "resolve" : "send",
  ] as const;
  if (key === "" || !Number.isSafeInteger(attempt) || attempt < 1) return refused(400, "BAD_REQUEST");
  response.setHeader("huiliu-answers", key);
  await asked(bridge, { key, attempt, role, request: iconv.decode(body, "gbk") }, header("huiliu-record-only") === "1", response);
}

type Asked = Pick<Call, "key" | "attempt" | "role" | "request">;

async function asked(bridge: Bridge, call: Asked, recordOnly: boolean, response: ServerResponse): Promise<void> {
  const known = bridge.calls.get(call.key) ?? [];
  const again = known.find(({ attempt }) => attempt === call.attempt);
  if (again) return answer(response, again, "record");
  if (call.role === "send") {
    if (call.attempt <= (bridge.closed.get(call.key) ?? 0)) return tell(response, 409, "not-begun", { code: "CLOSED" });
    return make(bridge, call, undefined, response);
  }
  bridge.counters.inquiries += 1;
  bridge.closed.set(call.key, Math.max(call.attempt, bridge.closed.get(call.key) ?? 0));
  const latest = known.findLast(({ role }) => role === "send");
  if (!latest) return tell(response, 404, "nothing", {});
  if (!("unclear" in latest.result)) return answer(response, latest, "send");
  const undone = known.findLast((one) => one.resolves === latest.attempt && "returned" in one.result && one.result.returned >= 0);
  if (undone) return answer(response, undone, "record");
  if (recordOnly) return tell(response, 409, "unclear-for-ever", { why: latest.result.unclear });
  return make(bridge, call, latest.attempt, response);
}

function answer(response: ServerResponse, { result }: Call, from: string): void {
  if ("unclear" in result) {
    tell(response, result.unclear === "HUNG" ? 504 : 502, "unclear", { code: result.unclear });
    return;
  }
  const reply = iconv.encode(result.reply, "gbk");
  const head = {
    "huiliu-call": "done",
    "huiliu-from": from,
    "huiliu-return": String(result.returned),
    "content-type": "text/plain; charset=gbk",
  };
  response.writeHead(result.returned < 0 ? 422 : 200, head).end(reply);
}

/** What the library does, and what its bridge can say of it. */
function called(bridge: Bridge, call: Asked, plan: Plan): { readonly result: Call["result"]; readonly done?: Answered } {
  if (plan.hang !== undefined && plan.hang.after === undefined) return { result: { unclear: "HUNG" } };
  if (plan.reject !== undefined) {
    const text = plan.reject.text ?? "医保中心拒绝";
    return {
      result: { reply: call.request.includes("^") ? `0^-1^${text}^` : `-1|${text}`, returned: call.request.includes("^") ? -1 : 0 },
    };
  }
  const done = bridge.dialect(call.request, bridge.books, chinaTime(bridge.premises.clock.now()));
  const unclear = plan.hang !== undefined ? "HUNG" : plan.garble !== undefined ? "GARBLED" : undefined;
  return { result: unclear === undefined ? { reply: done.reply, returned: done.returned } : { unclear }, done };
}

/** Who bears what of a settlement, as the ledger tells it. */
const sharesOf = ({ fund, account, cash }: Split): { readonly fund: string; readonly account: string; readonly cash: string } => ({
  fund: fund.toString(),
  account: account.toString(),
  cash: cash.toString(),
});

/** What faults are narrowed by: the bill of a Neusoft settlement, the visit of a Chongqing one. */
const billOf = (request: string): string | null => {
  const input = request.split("^")[6];
  return (input === undefined ? request : input).split("|")[1] || null;
};

async function make(bridge: Bridge, call: Asked, resolves: number | undefined, response: ServerResponse): Promise<void> {
  const { premises, counters } = bridge;
  counters.calls += 1;
  const plan = premises.faults.plan({ scope: resolves === undefined ? "write-back" : "inquiry", bill: billOf(call.request), kind: null });
  if (plan["503"] !== undefined) return tell(response, 503, "not-begun", { code: "BUSY" });
  if (plan.slow !== undefined) await premises.timers.wait(plan.slow.ms ?? 0);
  const { result, done } = called(bridge, call, plan);
  const made: Call = { ...call, result, did: done !== undefined, ...(resolves === undefined ? {} : { resolves }) };
  const fault = Object.keys(plan).join("+");
  const deed = done?.deed;
  if (deed) counters.effects += 1;
  if ("unclear" in result) counters.unclear += 1;
  await premises.record({
    key: `${call.key}#${call.attempt}`,
    kind: deed?.kind ?? (resolves === undefined ? "call" : "inquiry"),
    order: deed?.visit ?? null,
    amount: deed?.split.total.toString() ?? null,
    effect: deed !== undefined,
    answer: "unclear" in result ? result.unclear : String(result.returned),
    raw: JSON.stringify(made),
    ...(deed === undefined ? {} : { serial: deed.no, insured: sharesOf(deed.split) }),
    ...(fault === "" ? {} : { fault }),
  });
  remember(bridge, made);
  if (plan["drop-reply"] !== undefined) {
    response.destroy();
    return;
  }
  answer(response, made, "call");
}
