/**
 * The simulated front machine of the insurance (医保前置机): the gateway, the envelope, the books. README.md tells what it does and what it does not.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf } from "../body.ts";
import { chinaDigits, chinaTime } from "../clock.ts";
import { listOf, maybeTextOf, type Order, textOf as orderText } from "../fields.ts";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { type Answered, strike } from "../strike.ts";
import { OrderRefused } from "../told.ts";
import { type Book, createBook } from "./book.ts";
import { compareDetails, partsOf, textInZip, zipOf } from "./files.ts";
import { kindOfCall, type Told } from "./state.ts";
import {
  type Asked,
  atGateway,
  confused,
  isFields,
  KEYS,
  NO_QUIRKS,
  objectAt,
  type Quirks,
  readAsked,
  textOf,
  writeReply,
} from "./wire.ts";

const NOT_EFFECT: ReadonlySet<string> = new Set(["inquiry", "totals", "details"]);
const FILE_TYPE = "application/octet-stream";

interface Machine {
  readonly premises: Premises;
  readonly book: Book;
  readonly counters: { requests: number; calls: number; inquiries: number; refusedAtGateway: number; unreadable: number; effects: number };
  /** Uploaded and made files by number. */
  readonly files: Map<string, { readonly name: string; readonly text: string }>;
  quirks: Quirks;
  gateway: "any" | "none";
  seq: number;
}

/** Starts a front machine. Its orders (`send`) are in README.md. */
export async function startFrontMachine(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const book = createBook();
  for await (const line of premises.past()) {
    const asked = line.effect ? readAsked(line.raw) : "";
    if (typeof asked !== "string") book.ask(asked, line.at.slice(0, 19).replace("T", " "), false);
  }
  const machine: Machine = {
    premises,
    book,
    counters: { requests: 0, calls: 0, inquiries: 0, refusedAtGateway: 0, unreadable: 0, effects: 0 },
    files: new Map(),
    quirks: NO_QUIRKS,
    gateway: "any",
    seq: 0,
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    machine.counters.requests += 1;
    route(machine, request, response).catch((error: unknown) => {
      process.stderr.write(`the front machine failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  };
  const listener = await createListener(options.port, premises.faults, handle);
  const control = await premises.open({
    counters: () => machine.counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(machine, order),
  });
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { ...KEYS },
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

const answer = (response: ServerResponse, { status, contentType, body }: Answered): void => {
  response.writeHead(status, { "content-type": contentType, "content-length": body.length }).end(body);
};

async function route(machine: Machine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { premises, counters } = machine;
  if (request.method !== "POST") {
    const plan = premises.faults.plan({ scope: "ping", bill: null, kind: null });
    const work = async (): Promise<Answered> => ({ status: 405, contentType: "text/plain; charset=UTF-8", body: Buffer.from("POST") });
    return strike({ plan, timers: premises.timers, response, undone: async () => undefined, work });
  }
  const body = await bodyOf(request);
  if (body === "aborted") return;
  if (body === "too-large") {
    response.writeHead(413, { connection: "close" }).end();
    return;
  }
  // The gateway is another machine: its clock is not the insurer's.
  const refused = atGateway(request.headers, machine.gateway, KEYS, Date.now());
  if (refused) {
    counters.refusedAtGateway += 1;
    await premises.record({
      key: null,
      kind: "gateway",
      order: null,
      amount: null,
      effect: false,
      answer: String(refused.status),
      raw: body.toString("utf8", 0, 2_000),
    });
    return answer(response, refused);
  }
  const contentType = String(request.headers["content-type"] ?? "");
  const parts = contentType.startsWith("multipart/") ? partsOf(contentType, body) : null;
  const raw = (parts?.get("jsonStr") ?? body).toString("utf8");
  const asked = readAsked(raw);
  if (typeof asked === "string") {
    counters.unreadable += 1;
    await premises.record({ key: null, kind: "unreadable", order: null, amount: null, effect: false, answer: "-1", raw });
    return answer(response, reply(machine, { infcode: -1, err: asked, output: {} }));
  }
  await call(machine, asked, raw, parts?.get("file"), response);
}

const reply = (machine: Machine, told: Pick<Told, "infcode" | "err" | "output">): Answered => {
  machine.seq += 1;
  return writeReply(told, chinaDigits(machine.premises.clock.now()), machine.seq, machine.quirks);
};

/** The bill that a call is about, as far as it says so itself: what faults are narrowed by. */
const billOf = (asked: Asked): string | null => {
  const data = asked.input.data ?? asked.input.feedetail;
  const first: unknown = Array.isArray(data) ? data[0] : data;
  return isFields(first) ? textOf(first, "chrg_bchno") || null : null;
};

async function call(machine: Machine, asked: Asked, raw: string, file: Buffer | undefined, response: ServerResponse): Promise<void> {
  const { premises, counters } = machine;
  const kind = kindOfCall(asked.infno);
  const inquiry = NOT_EFFECT.has(kind);
  if (inquiry) counters.inquiries += 1;
  else counters.calls += 1;
  const plan = premises.faults.plan({ scope: inquiry ? "inquiry" : "write-back", bill: billOf(asked), kind });
  const fault = Object.keys(plan).join("+");
  const line = { key: asked.msgid, raw, ...(fault === "" ? {} : { fault }) };
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (said) => premises.record({ ...line, kind, order: billOf(asked), amount: null, effect: false, answer: said }),
    async work() {
      if (plan.reject !== undefined) {
        await premises.record({ ...line, kind, order: billOf(asked), amount: null, effect: false, answer: "-1" });
        return reply(machine, { infcode: -1, err: plan.reject.text ?? "参数校验未通过", output: {} });
      }
      const download = asked.infno === "9102" ? downloaded(machine, asked) : undefined;
      const told =
        withFiles(machine, asked, file) ?? machine.book.ask(asked, chinaTime(premises.clock.now()), premises.mode() === "strict");
      if (told.effect) counters.effects += 1;
      await premises.record({
        ...line,
        kind: told.kind,
        order: told.order,
        amount: told.amount === null ? null : told.amount.toString(),
        effect: told.effect,
        answer: String(told.infcode),
        ...(told.serial === undefined ? {} : { serial: told.serial }),
        ...(told.shares === undefined || !told.effect
          ? {}
          : { insured: { fund: told.shares.fund.toString(), account: told.shares.account.toString(), cash: told.shares.cash.toString() } }),
      });
      return confused(download ?? reply(machine, told), plan);
    },
  });
}

const plain = (asked: Asked, kind: string, more: Partial<Told>): Told => ({
  infcode: 0,
  err: "",
  output: {},
  effect: false,
  kind,
  order: null,
  amount: null,
  serial: asked.msgid,
  ...more,
});

/** 9101, 9102 and 3202, which are about files and change no books; undefined for every other call. */
function withFiles(machine: Machine, asked: Asked, file: Buffer | undefined): Told | undefined {
  const { files } = machine;
  const keep = (name: string, text: string): string => {
    const no = `F${String(files.size + 1).padStart(8, "0")}`;
    files.set(no, { name, text });
    return no;
  };
  if (asked.infno === "9101") {
    const input = objectAt(asked.input, "fsUploadIn");
    const text = file === undefined ? null : textInZip(file);
    if (text === null) return plain(asked, "upload", { infcode: -1, err: "上传文件不是可读的 ZIP" });
    const name = textOf(input, "filename");
    return plain(asked, "upload", {
      output: { file_qury_no: keep(name, text), filename: name, fixmedins_code: textOf(input, "fixmedins_code"), dld_endtime: "" },
    });
  }
  if (asked.infno === "9102") {
    const known = files.has(textOf(objectAt(asked.input, "fsDownloadIn"), "file_qury_no"));
    return plain(asked, "download", known ? {} : { infcode: -1, err: "文件不存在或已过期" });
  }
  if (asked.infno !== "3202") return undefined;
  const data = objectAt(asked.input, "data");
  const uploaded = files.get(textOf(data, "file_qury_no"));
  if (!uploaded) return plain(asked, "details", { infcode: -1, err: "文件查询号不存在" });
  const [from, to] = [textOf(data, "stmt_begndate"), textOf(data, "stmt_enddate")];
  const held = machine.book
    .settlements()
    .filter((one) => one.at.slice(0, 10) >= from && one.at.slice(0, 10) <= to && one.clrType === textOf(data, "clr_type"));
  const filename = `result_${files.size + 1}.txt.zip`;
  const fileinfo = { file_qury_no: keep(filename, compareDetails(uploaded.text, held)), filename, dld_endtime: `${to} 23:59:59` };
  return plain(asked, "details", { output: { fileinfo } });
}

function downloaded(machine: Machine, asked: Asked): Answered | undefined {
  const found = machine.files.get(textOf(objectAt(asked.input, "fsDownloadIn"), "file_qury_no"));
  return found && { status: 200, contentType: FILE_TYPE, body: zipOf(found.name.replace(/\.zip$/, ""), found.text) };
}

/**
 * `{"message":"uploaded", psnNo, visit, bill, lines: [{code, fen, quantity?}]}`: registers the visit and uploads the bill's fees as the HIS's own client would (two lines of the
 * ledger), and tells `mdtrtId` and `psnNo`. `{"message":"quirks", infcodeAsText?, numbersAsText?, outputNull?}`; `{"message":"gateway","is":"any|none"}`.
 */
async function send(machine: Machine, order: Order): Promise<unknown> {
  const message = orderText(order, "message");
  if (message === "quirks") {
    machine.quirks = {
      infcodeAsText: order.infcodeAsText === true,
      numbersAsText: order.numbersAsText === true,
      outputNull: order.outputNull === true,
    };
    return machine.quirks;
  }
  if (message === "gateway") {
    const is = orderText(order, "is");
    if (is !== "any" && is !== "none") throw new OrderRefused("is: any or none");
    machine.gateway = is;
    return { gateway: is };
  }
  if (message !== "uploaded") throw new OrderRefused("message is uploaded, quirks or gateway");
  return upload(machine, order);
}

async function upload(machine: Machine, order: Order): Promise<unknown> {
  const { premises, book } = machine;
  const at = chinaTime(premises.clock.now());
  const psnNo = maybeTextOf(order, "psnNo") ?? "99010100000000000000000001";
  const bill = orderText(order, "bill");
  const own = async (infno: string, input: object): Promise<Told> => {
    machine.seq += 1;
    const msgid = `UPLOADED0000${chinaDigits(premises.clock.now())}${String(machine.seq % 10_000).padStart(4, "0")}`;
    const envelope = {
      infno,
      msgid,
      mdtrtarea_admvs: "990101",
      recer_sys_code: "HIS",
      infver: "1.0.0",
      opter_type: "1",
      opter: "HIS",
      opter_name: "HIS",
      inf_time: at,
      fixmedins_code: "H99990100001",
      fixmedins_name: "示例市第一人民医院",
      input,
    };
    const raw = JSON.stringify(envelope);
    const asked = readAsked(raw);
    if (typeof asked === "string") throw new OrderRefused(asked);
    const told = book.ask(asked, at, false);
    const { kind, effect, infcode, amount } = told;
    await premises.record({
      key: msgid,
      kind,
      order: infno === "2204" ? bill : null,
      amount: amount === null ? null : amount.toString(),
      effect,
      answer: String(infcode),
      raw,
    });
    if (infcode !== 0) throw new OrderRefused(told.err);
    return told;
  };
  const registered = await own("2201", { data: { psn_no: psnNo, ipt_otp_no: orderText(order, "visit") } });
  const mdtrtId = registered.serial ?? "";
  const feedetail = listOf(order, "lines").map((line, index) => ({
    feedetl_sn: String(index + 1),
    mdtrt_id: mdtrtId,
    psn_no: psnNo,
    chrg_bchno: bill,
    med_list_codg: orderText(line, "code"),
    cnt: maybeTextOf(line, "quantity") ?? "1",
    det_item_fee_sumamt: `${orderText(line, "fen").padStart(3, "0").slice(0, -2)}.${orderText(line, "fen").padStart(3, "0").slice(-2)}`,
  }));
  const uploaded = await own("2204", { feedetail });
  const medfee = String(uploaded.amount ?? 0n).padStart(3, "0");
  const data = {
    psn_no: psnNo,
    mdtrt_id: mdtrtId,
    chrg_bchno: bill,
    insutype: "310",
    acct_used_flag: "1",
    medfee_sumamt: `${medfee.slice(0, -2)}.${medfee.slice(-2)}`,
  };
  const { shares } = await own("2206", { data });
  const tell = (fen: bigint | undefined): string => String(fen ?? 0n);
  return {
    mdtrtId,
    psnNo,
    bill,
    fen: tell(shares?.total),
    fund: tell(shares?.fund),
    account: tell(shares?.account),
    cash: tell(shares?.cash),
  };
}
