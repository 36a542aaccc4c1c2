/** The operators' commands against a small server that answers what the API would. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { errorBody, OPERATION_REFUSAL } from "../../domain/operations/refusals.ts";
import { ageText, cutTo, printable, table, widthOf, yuanText } from "./table.ts";

const HUILIU = fileURLToPath(new URL("../huiliu.ts", import.meta.url));
const MESSAGE = "01a2022b-8326-75ee-8807-7ecedee201df";
const WRITE_BACK = "01a2022b-8354-7059-9b51-3e258596d44f";
const NOBODY = "01a2022b-0000-7000-8000-000000000000";
const AT = "2026-11-20T09:25:10.123+08:00";

const parked = {
  code: "NOT_TRANSLATABLE",
  zh: "报文无法翻译为事件",
  en: "could not be translated",
  next: { zh: "修改映射", en: "mend the mapping" },
};
const message = {
  id: MESSAGE,
  seq: "1",
  partner: "jkt",
  kind: "pay-order",
  door: "amqp",
  state: "parked",
  stateAt: AT,
  receivedAt: AT,
  bytes: 12,
  run: 1,
  replayed: false,
  parked,
};
const writeBack = {
  id: WRITE_BACK,
  key: "k",
  messageId: MESSAGE,
  destination: "his",
  kind: "payment-confirm",
  lane: "bill:B1",
  state: "parked",
  action: "send",
  amount: "1650",
  businessDate: "2026-11-20",
  attempts: 1,
  owedAt: AT,
  mayHaveTakenEffect: true,
  replays: 0,
  parked: { code: "REJECTED", zh: "对方拒绝\u001b[31m", en: "refused", advice: { zh: "核对", en: "check" } },
};
const detail = {
  message,
  headers: {},
  raw: { bytes: 12, text: "<a/>", charset: "utf-8", cut: false },
  history: [{ at: AT, state: "parked", by: "flow" }],
  keys: [{ kind: "bill", value: "B1" }],
  events: [],
  eventDeliveries: [],
  writeBacks: [
    {
      writeBack,
      attempts: [
        {
          n: 1,
          action: "send",
          startedAt: AT,
          worker: 1,
          outcome: "rejected",
          step: "park",
          why: "refused by the partner: 1",
          whyZh: "对方拒绝：1",
          whyCode: "rejected",
        },
      ],
    },
  ],
  differences: [{ at: AT, writeBackId: WRITE_BACK, changed: ["body"] }],
  actions: [],
  masked: true,
};
const writeBackDetail = {
  writeBack,
  mapping: "his/payment-confirm",
  flow: "f",
  node: "n",
  cause: { eventId: "e", type: "payment.settled" },
  contentType: "text/xml",
  attempts: [],
  acknowledgements: [],
  behind: 2,
  allowed: { replay: "ask", resolve: true, cancel: true },
  actions: [],
};
const sum = { count: 1, fen: "1650" };
const totals = (balanced: boolean) => ({
  businessDate: "2026-11-20",
  balanced,
  rows: [
    {
      partner: "his",
      kind: "payment-confirm",
      direction: "outbound",
      owed: sum,
      acknowledged: sum,
      waiting: { ...sum, states: {} },
      parked: sum,
      resolved: sum,
      superseded: sum,
      withoutAmount: 0,
      balanced,
      differences: balanced ? [] : [{ code: "NO_RECEIPT", zh: "没有回执", en: "no receipt", count: 1 }],
    },
  ],
  undecided: { messages: 0, eventDeliveries: 0 },
});
const counts = { held: 0, queued: 1, waiting: 2, sending: 3, deferred: 0, parked: 1 };
const destination = { destination: "his", known: true, paused: false, backlog: counts, fen: "1650", oldestAgeSeconds: 90 };
const status = {
  at: AT,
  messages: { received: 1, awaitingPart: 0, parked: 2, storedEstimate: 3 },
  writeBacks: counts,
  eventDeliveries: { received: 0, parked: 0 },
  outbox: 4,
  services: { postgres: { up: true }, broker: { up: false, why: "ECONNREFUSED" }, redis: { up: true } },
  deliveries: { live: 1, queued: 0, waitingTurn: 0 },
  workers: [],
  paused: [],
};
const done = { id: WRITE_BACK, kind: "write-back", state: "waiting", action: "ask", auditId: "7" };

const ANSWERS: Readonly<Record<string, unknown>> = {
  "GET /messages": { items: [message], after: MESSAGE },
  "GET /events": { items: [] },
  "GET /write-backs": { items: [writeBack] },
  "GET /event-deliveries": { items: [] },
  "GET /audit": { items: [] },
  "GET /audit/verification": {
    intact: false,
    accepted: [],
    breaks: [],
    entries: 9,
    upTo: "10",
    head: { n: "10", hash: "0".repeat(64), at: "2026-11-20T09:00:00+08:00", key: "k1" },
    outside: "read",
    findings: [{ kind: "deleted", n: "5", entry: "105", zh: "第 5 条（记录号 105）被删除", en: "entry 5 (record 105) was deleted" }],
    more: 0,
    checkedAt: "2026-11-20T09:00:00+08:00",
    tookMs: 3,
  },
  [`GET /messages/${MESSAGE}`]: detail,
  [`GET /write-backs/${WRITE_BACK}`]: writeBackDetail,
  "GET /totals": totals(true),
  "GET /totals?businessDate=2026-11-19": totals(false),
  "GET /status": status,
  "GET /destinations": { items: [destination] },
  "GET /partners": { items: [] },
  [`POST /messages/${MESSAGE}/replay`]: { messageId: MESSAGE, mapping: "jkt/pay-order", events: [], gone: [], problems: [parked] },
  [`POST /write-backs/${WRITE_BACK}/replay`]: done,
  [`POST /write-backs/${WRITE_BACK}/resolve`]: { ...done, state: "resolved" },
  "POST /lanes/hold": { id: "his bill:1", kind: "lane", state: "held", auditId: "9" },
  "POST /event-deliveries/flow%2Fn9/e1/replay": { ...done, kind: "event-delivery" },
};

let server: Server;
let folder = "";
const seen: { method: string; path: string; body: string; token: string }[] = [];

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const path = (request.url ?? "").replace("/api/v1", "");
    seen.push({ method: request.method ?? "", path, body, token: request.headers.authorization ?? "" });
    const bare = path.replace(/\?.*$/, "");
    const answer = ANSWERS[`${request.method} ${path}`] ?? ANSWERS[`${request.method} ${bare}`];
    const code = bare.startsWith("/messages/")
      ? "UNKNOWN_MESSAGE"
      : /^\/(?:partners|destinations)\//.test(bare)
        ? "STORE_GONE"
        : "UNKNOWN_WRITE_BACK";
    response.writeHead(answer === undefined ? OPERATION_REFUSAL[code].http : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? errorBody({ code })));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  folder = mkdtempSync(join(tmpdir(), "huiliu-cli-"));
  const console = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  writeFileSync(join(folder, "run.json"), JSON.stringify({ console, token: "t0ken" }));
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function huiliu(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [HUILIU, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out, err };
}

describe("npx huiliu", () => {
  const cases: readonly (readonly [args: string, code: number, out: RegExp, err?: RegExp])[] = [
    ["status", 0, /postgres ✓ {2}broker ✗ ECONNREFUSED[\s\S]*his .* 90 s/],
    ["messages --key B1,B2 --state parked", 0, new RegExp(`${MESSAGE}[\\s\\S]*还有更多：--after ${MESSAGE}`)],
    ["messages --lang en", 0, /Id +Received +Partner/],
    ["events", 0, /没有。/],
    ["write-backs", 0, /16\.50/],
    ["destinations", 0, /his/],
    ["partners", 0, /没有。/],
    ["audit", 0, /没有。/],
    ["audit verify", 1, /审计链已被破坏：1 处[\s\S]*第 5 条（记录号 105）被删除/],
    ["audit verify --lang en", 1, /broken: 1 findings[\s\S]*entry 5 \(record 105\) was deleted/],
    ["audit look", 2, /^$/, /verify/],
    ["parked", 0, new RegExp(`npx huiliu replay ${MESSAGE} --preview[\\s\\S]*对方可能已处理[\\s\\S]*npx huiliu show ${WRITE_BACK}`)],
    [`show ${MESSAGE}`, 0, /NOT_TRANSLATABLE[\s\S]*bill=B1[\s\S]*<a\/>[\s\S]*差异[\s\S]*body/],
    [`show ${WRITE_BACK}`, 0, /其后排队: 2[\s\S]*先查询对方/],
    [`replay ${MESSAGE} --preview`, 0, /未作任何修改/],
    [`replay ${WRITE_BACK} --reason checked --by 王工`, 0, /write-back .* waiting \(ask\)/],
    [`resolve ${WRITE_BACK} --receipt H1 --reason checked`, 0, /resolved/],
    ["replay flow/n9/e1 --reason again", 0, /event-delivery/],
    ["totals", 0, /2026-11-20 {2}平/],
    ["totals --date 2026-11-19", 1, /不平[\s\S]*没有回执/],
    [`show ${NOBODY}`, 2, /^$/, /没有这个编号的报文或回写.*\[UNKNOWN_ID\]\n下一步：/],
    [`show ${NOBODY} --lang en`, 2, /^$/, /no message and no write-back[\s\S]*Next: /],
    ["show DJ1", 2, /^$/, /\[NOT_AN_ID\]\n下一步：.*npx huiliu messages --key DJ1\n/],
    ["resolve DJ1 --reason because --lang en", 2, /^$/, /not an id.*\[NOT_AN_ID\]\nNext: .*npx huiliu messages --key DJ1\n/],
    ["pause his --reason because", 1, /^$/, /数据库不可用/],
    ["lane unlock his bill:1 --reason because", 2, /^$/, /unblock、skip、hold、release/],
    ["lane hold his bill:1 --reason because", 0, /lane his bill:1 {2}→ {2}held/],
    ["destination set his --reason because --at-version 1", 2, /^$/, /--file/],
    ["destination show his", 1, /^$/, /数据库不可用/],
    ["status --colour", 2, /^$/, /unknown option/],
    ["status --lang fr", 2, /^$/, /zh, en/],
    ["show", 2, /^$/, /missing required argument/],
  ];
  for (const [args, code, out, err] of cases) {
    test(`${args} → ${code}`, async () => {
      const done = await huiliu(...args.split(" "), "--data", folder);
      assert.equal(done.code, code, done.err + done.out);
      assert.match(done.out, out);
      if (err) assert.match(done.err, err);
      assert.ok(!done.out.includes("\u001b"), "what a partner sent does not steer the terminal");
    });
  }

  test("sends its token, who types, and only what was given", async () => {
    seen.length = 0;
    await huiliu("replay", WRITE_BACK, "--reason", "已核对", "--by", "王工", "--confirmed-checked", "--data", folder);
    assert.ok(seen.every((one) => one.token === "Bearer t0ken"));
    assert.deepEqual(JSON.parse(seen.at(-1)?.body ?? ""), { reason: "已核对", by: "王工", confirmedChecked: true });
    await huiliu("messages", "--key", "B1", "--data", folder);
    assert.equal(seen.at(-1)?.path, "/messages?key=B1");
    await huiliu("resolve", WRITE_BACK, "--decision", "cancelled", "--reason", "作废", "--data", folder);
    const body = JSON.parse(seen.at(-1)?.body ?? "") as Record<string, unknown>;
    assert.equal(body.decision, "cancelled");
    assert.ok(typeof body.by === "string" && body.by.length > 0, "this machine's account");
  });

  for (const args of [
    "status",
    "messages",
    "parked",
    "totals",
    `show ${MESSAGE}`,
    "destinations",
    "partners",
    "audit",
    "events",
    "write-backs",
  ]) {
    test(`${args} --json is one JSON`, async () => {
      const { out, code } = await huiliu(...args.split(" "), "--json", "--data", folder);
      assert.equal(code, 0);
      assert.equal(typeof JSON.parse(out), "object");
    });
  }
  test("refusals are JSON too", async () => {
    const { out, code } = await huiliu("show", NOBODY, "--json", "--data", folder);
    assert.deepEqual([code, JSON.parse(out).error.code], [2, "UNKNOWN_ID"]);
  });

  test("no engine is 3, whether it never ran or is gone", async () => {
    const empty = mkdtempSync(join(tmpdir(), "huiliu-cli-"));
    try {
      assert.equal((await huiliu("status", "--data", empty)).code, 3);
      writeFileSync(join(empty, "run.json"), JSON.stringify({ console: "http://127.0.0.1:1", token: "t" }));
      const gone = await huiliu("status", "--json", "--data", empty);
      assert.deepEqual([gone.code, JSON.parse(gone.out).error.code], [3, "NOT_RUNNING"]);
    } finally {
      rmSync(empty, { recursive: true, force: true });
    }
  });

  test("--help is no failure", async () => {
    for (const args of [["--help"], ["replay", "--help"]]) assert.equal((await huiliu(...args)).code, 0);
  });
});

describe("tables", () => {
  test("Chinese takes two columns", () => {
    assert.equal(widthOf("a汇流，é"), 8);
    const lines = table(
      [
        { name: "汇流", n: 1 },
        { name: "ab", n: 200 },
      ],
      [
        { head: "名", cell: (row) => row.name },
        { head: "n", cell: (row) => row.n, right: true },
      ],
    );
    assert.deepEqual(lines, ["名      n", "汇流    1", "ab    200"]);
  });
  test("cutting, ages, money, control characters", () => {
    assert.equal(cutTo("汇流汇流", 5), "汇流…");
    assert.equal(cutTo("abc", 3), "abc");
    assert.deepEqual([5, 300, 10_000, 900_000].map(ageText), ["5 s", "5 min", "2 h", "10 d"]);
    assert.deepEqual(["5", "-5", "1650", undefined].map(yuanText), ["0.05", "-0.05", "16.50", undefined]);
    assert.equal(printable("a\u001b[2Jb\u202e"), "a·[2Jb·");
  });
});
