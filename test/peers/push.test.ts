/** "What must show" 2 with clients that nobody here wrote: python3-pika and amqp-publish. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { destination, type Huiliu, QUICK, ROOT, startHuiliu, until } from "../journeys/harness.ts";
import { linesOf, needPeers, run } from "./harness.ts";

/** Debian's own, for which python3-pika is packaged: another one may stand before it in PATH. */
const PYTHON = "/usr/bin/python3";
const PUSH = join(import.meta.dirname, "push.py");
const sample = (path: string): string => join(ROOT, "mappings", path);
const FILES = {
  neusoft: [
    sample("neusoft/settle/examples/sample-settled/request.gbk.txt"),
    sample("neusoft/settle/examples/sample-settled/reply.gbk.txt"),
  ],
  chongqing: [
    sample("chongqing/settle/examples/sample-settled/request.gbk.txt"),
    sample("chongqing/settle/examples/sample-settled/reply.gbk.txt"),
  ],
  jkt: [sample("jkt/pay-order/examples/sample-paid/in.xml")],
} as const;

interface Seen {
  readonly at: number;
  readonly event: { readonly type: string; readonly source: string; readonly subject: string; readonly data: Record<string, unknown> };
}

/** A run of the whole journey on an engine of its own, by one client. */
interface Peer {
  readonly name: string;
  exchange(url: string, partner: "neusoft" | "chongqing", id: string): Promise<void>;
  message(url: string): Promise<void>;
}

const well = async (command: string, args: readonly string[], input?: Uint8Array): Promise<void> => {
  const done = await run(command, args, input === undefined ? {} : { input });
  assert.equal(done.code, 0, `${command} ${args.slice(0, 4).join(" ")}: ${done.stderr}`);
};
const sh = (line: string): Promise<void> => well("sh", ["-c", line]);

const PEERS: readonly Peer[] = [
  {
    name: "python3-pika",
    exchange: (url, partner, id) => well(PYTHON, [PUSH, url, "exchange", `${partner}.settle`, id, ...FILES[partner]]),
    message: (url) => well(PYTHON, [PUSH, url, "message", "jkt.pay-order", ...FILES.jkt]),
  },
  {
    name: "amqp-publish",
    exchange: async (url, partner, id) => {
      const publish = (file: string, part: string, more: string): Promise<void> =>
        sh(
          `amqp-publish -u '${url}' -e huiliu.inbound -r ${partner}.settle -p -C 'text/plain; charset=GBK' -H 'huiliu-exchange: ${id}' -H 'huiliu-part: ${part}' ${more} < '${file}'`,
        );
      await publish(FILES[partner][0], "request", "");
      await publish(FILES[partner][1], "reply", "-H 'huiliu-return: 0'");
    },
    message: (url) =>
      sh(`amqp-publish -u '${url}' -e huiliu.inbound -r jkt.pay-order -p -C 'application/xml; charset=UTF-8' < '${FILES.jkt[0]}'`),
  },
];

for (const peer of PEERS)
  describe(`pushed by ${peer.name}`, { concurrency: false }, () => {
    let huiliu: Huiliu;
    before(async () => {
      await needPeers();
      huiliu = await startHuiliu(`peer-${peer.name}`, { profiles: { his: destination(QUICK) } });
    });
    after(() => huiliu?.stop());

    test("C-2 C-3 C-4 C-5 C-6 S0-21 the three samples become events and effects exactly once, also when they come twice", async () => {
      const { amqp, partners } = huiliu.run();
      const watch = spawn(PYTHON, [PUSH, amqp, "watch", "600"], { stdio: ["ignore", "pipe", "inherit"] });
      const { lines, ended } = linesOf(watch);
      await until("the watcher is bound", () => lines.length > 0);
      const seen = (): Seen[] => lines.slice(1).map((line) => JSON.parse(line) as Seen);
      const of = (source: string): Seen | undefined => seen().find((one) => one.event.source === source);
      const push = async (id: string): Promise<void> => {
        for (const partner of ["neusoft", "chongqing"] as const) {
          await peer.exchange(partners[partner]?.amqp ?? "", partner, `${partner}-${id}`);
        }
        await peer.message(partners.jkt?.amqp ?? "");
      };
      await push("1");
      await until("three events", () => of("neusoft") && of("chongqing") && of("jkt"));
      assert.equal(of("neusoft")?.event.type, "insurance.settled");
      assert.deepEqual((of("neusoft")?.event.data.amounts as { total: string } | undefined)?.total, "9250");
      assert.equal((of("chongqing")?.event.data.operator as { name: string } | undefined)?.name, "测试收费员");
      assert.equal(of("jkt")?.event.data.total, "18850");
      const effects = async () => (await huiliu.ledger()).filter((line) => line.effect).map((line) => [line.kind, line.order, line.amount]);
      await until("three effects", async () => (await effects()).length === 3, 5_000, effects);
      await push("1");
      await push("2");
      await until(
        "nothing is on its way",
        async () =>
          (await huiliu.sql("select 1 from message where state in ('received', 'awaiting-part') union all select 1 from outbox")).length ===
          0,
      );
      await until("the second and third push are journaled", async () => (await huiliu.sql("select 1 from message")).length >= 5);
      assert.equal(
        seen().filter((one) => one.event.type === "insurance.settled" || one.event.type === "payment.settled").length,
        3,
        "no second event",
      );
      assert.equal((await effects()).length, 3, "no second effect");
      watch.kill("SIGTERM");
      await ended;
    });

    test("S0-39 a partner's account cannot speak for another, nor read the events", async () => {
      const { partners } = huiliu.run();
      const url = partners.jkt?.amqp ?? "";
      const refused = await run(PYTHON, [PUSH, url, "message", "his.charge", ...FILES.jkt]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /ACCESS_REFUSED|403/);
      const watching = await run(PYTHON, [PUSH, url, "watch", "1"]);
      assert.match(watching.stderr, /ACCESS_REFUSED|403/);
    });
  });
