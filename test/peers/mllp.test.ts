/** "What must show" 1, HL7: Debian's python3-hl7 sends to the engine (mllp_send) and receives from it (an asyncio server of that library). */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { type Client, connectClient } from "../journeys/client.ts";
import { type Huiliu, QUICK, ROOT, startHuiliu, until } from "../journeys/harness.ts";
import { linesOf, needPeers, run } from "./harness.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = join(import.meta.dirname, "mllp.py");
const sample = (path: string): Buffer => readFileSync(join(ROOT, "mappings", path, "in.hl7"));
const CHARGE = sample("lis/dft-p03/examples/two-charges");
const CREDIT = sample("lis/dft-p03/examples/credit");
const REPORT = sample("lis/oru-r01/examples/final");
const ORDER = sample("adt/orm-o01/examples/order-with-its-charge");
const VISIT = sample("adt/adt-a04/examples/sample");

const framed = (...messages: readonly Buffer[]): Buffer =>
  Buffer.concat(messages.flatMap((one) => [Buffer.of(0x0b), one, Buffer.of(0x1c, 0x0d)]));
/** In original mode, under a number of its own. */
const original = (message: Buffer, id: string): Buffer =>
  Buffer.from(
    message
      .toString("utf8")
      .replace("|||AL|AL|", "|||||")
      .replace(/^((?:[^|]*\|){9})[^|]*/, `$1${id}`),
  );

interface Taken {
  readonly id: string;
  readonly type: string;
  readonly patient: string;
  readonly name: string;
  readonly segments: readonly string[];
  readonly items: readonly string[];
  readonly amounts: readonly string[];
  readonly again: boolean;
}

describe("C-3 python3-hl7 over MLLP", () => {
  const folder = mkdtempSync(join(tmpdir(), "huiliu-mllp-peer-"));
  let huiliu: Huiliu;
  let client: Client;
  let server: ChildProcess;
  let lines: readonly string[] = [];
  const taken = (): readonly Taken[] => lines.slice(1).map((line) => JSON.parse(line) as Taken);
  /** What mllp_send printed: the first answer to each message. */
  const send = async (partner: string, ...messages: readonly Buffer[]): Promise<readonly string[]> => {
    const doors = (huiliu.run() as unknown as { readonly mllp: Readonly<Record<string, string>> }).mllp;
    const file = join(folder, "messages.mllp");
    writeFileSync(file, framed(...messages));
    const sent = await run("/usr/bin/mllp_send", ["--port", new URL(doors[partner] ?? "").port, "--file", file, "127.0.0.1"]);
    assert.equal(sent.code, 0, sent.stderr);
    return [...sent.stdout.matchAll(/MSA\|([A-Z]{2}\|[^|\\'\r\n]*)/g)].map((found) => found[1] ?? "");
  };
  const published = (type: string): number => client.events.filter((event) => event.type === type).length;

  before(async () => {
    await needPeers(["python3-hl7"]);
    server = spawn(PYTHON, [SCRIPT, "serve", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    ({ lines } = linesOf(server));
    await until("the receiver listens", () => lines.length > 0);
    const { port } = JSON.parse(lines[0] ?? "{}") as { port: number };
    huiliu = await startHuiliu("peer-mllp", {
      // The notices go to the peer instead of the simulated HIS.
      prepare: (root) => {
        const adt = JSON.parse(readFileSync(join(root, "partners", "adt.json"), "utf8")) as { destination: object };
        const { inbound: _, ...peer } = {
          ...adt,
          inbound: {},
          partner: "peer",
          destination: { ...adt.destination, ...QUICK, url: `mllp://127.0.0.1:${port}` },
        };
        writeFileSync(join(root, "partners", "peer.json"), JSON.stringify(peer));
        for (const flow of ["lis-charges", "report-ready"]) {
          const path = join(root, "flows", flow, "flow.json");
          writeFileSync(path, readFileSync(path, "utf8").replaceAll('"destination": "adt"', '"destination": "peer"'));
        }
      },
    });
    client = await connectClient(huiliu.run().amqp);
    await client.watch();
  });
  after(async () => {
    await client?.close();
    await huiliu?.stop();
    server.kill("SIGTERM");
    rmSync(folder, { recursive: true });
  });

  test("mllp_send in original mode: AA, events, and the peer hears of each charge, parsed by its own library", async () => {
    assert.deepEqual(await send("lis", original(CHARGE, "PY1"), original(CREDIT, "PY2"), original(REPORT, "PY3")), [
      "AA|PY1",
      "AA|PY2",
      "AA|PY3",
    ]);
    await until(
      "the events are there",
      () => published("charge.posted") === 2 && published("charge.cancelled") === 1 && published("report.ready") === 1,
    );
    const notices = await until("three notices", () => taken().length >= 3 && taken(), 15_000, taken);
    assert.deepEqual(notices.flatMap((one) => one.amounts).sort(), ["20.00", "35.00"]);
    assert.deepEqual(notices.flatMap((one) => one.items).sort(), ["C反应蛋白", "血常规"]);
    for (const { patient, name, id } of notices) assert.deepEqual([patient, name, id.length], ["P0000001", "测试患者甲", 20]);
    assert.deepEqual(notices.map((one) => one.type).sort(), ["DFT", "DFT", "ORU"]);
  });

  test("the samples as they are, in enhanced mode: committed first", async () => {
    assert.deepEqual((await send("adt", VISIT)).slice(0, 1), ["CA|HIS20261120000001"]);
    assert.deepEqual((await send("adt", ORDER)).slice(0, 1), ["CA|HIS20261120000100"]);
    await until("visit and order are there", () => published("registration.opened") === 1 && published("order.placed") === 1);
  });

  test("the same message again is the same fact; in GB 18030 it is another message of the same fact", async () => {
    assert.deepEqual(await send("lis", original(CHARGE, "PY1")), ["AA|PY1"]);
    const gb = iconv.encode(original(CHARGE, "PY9").toString("utf8").replace("UNICODE UTF-8", "GB 18030-2000"), "gb18030");
    assert.deepEqual(await send("lis", gb), ["AA|PY9"]);
    await until("nothing is on its way", async () => (await huiliu.sql("select 1 from message where state = 'received'")).length === 0);
    // The order's own charge is the third.
    assert.equal(published("charge.posted"), 3);
    assert.deepEqual(
      taken().filter((one) => one.again),
      [],
    );
  });

  test("content that is wrong is AE, a stranger AR, and mllp_send goes on with the next", async () => {
    const wrong = Buffer.from(original(CHARGE, "PY20").toString("utf8").replace("|CG|", "|PY|"));
    assert.deepEqual(await send("lis", wrong, original(VISIT, "PY21"), original(REPORT, "PY3")), ["AE|PY20", "AR|PY21", "AA|PY3"]);
  });
});
