/** The poller and the courier over SFTP at the simulated bank: pinned host key, half-written files, a connection cut in the middle of the move, a server that is away. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DoorPolicy } from "../../../domain/journal/intake.ts";
import type { Inbound, Journaled } from "../../../domain/journal/ports.ts";
import { createFileCourier } from "../../../platform/transports/files/courier.ts";
import { accountOf, openStore } from "../../../platform/transports/files/open.ts";
import { createPoller, type Poller } from "../../../platform/transports/files/poller.ts";
import { startBank } from "../../hospital/files/bank.ts";
import type { RunningPartner } from "../../hospital/partner.ts";

const NAME = "RF20261121001.csv";
const POLICY: DoorPolicy = {
  ...{ partner: "bank", vendor: "bank", bytesMax: 100_000, perSecond: 100, charset: "gbk", exchanges: new Set<string>() },
  kinds: new Set(["refund-return"]),
};

let home = "";
let bank: RunningPartner | undefined;
let pollers: Poller[] = [];
before(async () => {
  home = mkdtempSync(join(tmpdir(), "huiliu-bank-"));
  bank = await startBank({ name: "bank", dataDir: home, mode: "strict", port: 0, controlPort: 0 });
});
after(async () => {
  await bank?.close();
  rmSync(home, { recursive: true, force: true });
});
afterEach(async () => {
  await Promise.all(pollers.map((one) => one.close()));
  pollers = [];
  await fault({ fault: "none" });
  for (const name of readdirSync(out())) if (name !== "done") rmSync(join(out(), name));
  for (const name of readdirSync(out("done"))) rmSync(out("done", name));
});

const out = (...more: readonly string[]): string => join(home, "bank.files", "out", ...more);
async function fault(order: unknown): Promise<void> {
  const answer = await fetch(bank?.faults ?? "", { method: "POST", body: JSON.stringify(order) });
  assert.equal(answer.status, 200, await answer.text());
}
const account = () => accountOf((name) => bank?.secrets?.[name], "files");
const open = (more: { readonly hostKey?: string; readonly password?: string } = {}) =>
  openStore({ ...account(), ...more, url: `${bank?.sftp}/out`, connectMs: 3_000 });

function watch(
  ready: "stable" | "marker",
  kept: Inbound[],
  answers: string[] = [],
): { readonly poller: Poller; readonly log: readonly string[] } {
  const log: string[] = [];
  const say = (_: object, message: string): void => void log.push(message);
  const accept = async (inbound: Inbound): Promise<Journaled> => {
    const known = kept.some((one) => one.identity === inbound.identity);
    answers.push(known ? "duplicate" : "accepted");
    if (!known) kept.push(inbound);
    return known ? { kind: "duplicate", messageId: "1", state: "received" } : ({ kind: "accepted", message: {} } as Journaled);
  };
  const poller = createPoller({
    options: {
      ...{ partner: "bank", where: "sftp://bank/out", everyMs: 86_400_000, ready, after: "move", bytesMax: 100_000 },
      messages: [{ name: "RF*.csv", message: "refund-return" }],
    },
    open,
    policy: () => POLICY,
    accept,
    lead: async () => true,
    give: async () => undefined,
    log: { debug: () => undefined, info: say, warn: say, error: say },
  });
  pollers.push(poller);
  return { poller, log };
}

describe("files over SFTP", { concurrency: false }, () => {
  test("another host key than the pinned one, or a wrong password: refused, and the password is told to nobody else", async () => {
    await assert.rejects(open({ hostKey: `SHA256:${"A".repeat(43)}` }), /host key SHA256:/);
    await assert.rejects(open({ password: "wrong" }), /authentication/i);
    const store = await open();
    await store.close();
  });

  test("a server that refuses for a while is away; then the file is taken whole", async () => {
    const kept: Inbound[] = [];
    const { poller } = watch("marker", kept);
    writeFileSync(out(NAME), "x".repeat(10_000));
    writeFileSync(out(`${NAME}.ok`), "");
    await fault({ fault: "reject", on: "all" });
    await poller.poll();
    assert.equal(poller.state().state, "away");
    await fault({ fault: "none" });
    await poller.poll();
    assert.equal(kept[0]?.raw.length, 10_000);
    assert.deepEqual(readdirSync(out()), ["done"]);
  });

  test("cut off in the middle of the move: the next poll finds what there is, and takes nothing twice", async () => {
    const kept: Inbound[] = [];
    const answers: string[] = [];
    const { poller } = watch("marker", kept, answers);
    writeFileSync(out(NAME), "1");
    writeFileSync(out(`${NAME}.ok`), "");
    await fault({ fault: "drop-reply", count: 1, kind: "rename" });
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.deepEqual(answers, ["accepted"]);
    assert.ok(existsSync(out("done", NAME)));
    writeFileSync(out(NAME), "1"); // and a killed worker's successor
    const second = watch("stable", kept, answers);
    for (let round = 0; round < 2; round += 1) await second.poller.poll();
    assert.equal(new Set(kept.map((one) => one.identity)).size, kept.length);
  });

  test("a server that is away is told once, and looked for again", async () => {
    const kept: Inbound[] = [];
    const { poller, log } = watch("marker", kept);
    await poller.poll();
    await fault({ fault: "refuse" });
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.deepEqual([poller.state().state, poller.state().failed, log.length], ["away", 3, 1]);
    await fault({ fault: "none" });
    writeFileSync(out(NAME), "1");
    writeFileSync(out(`${NAME}.ok`), "");
    await poller.poll();
    assert.equal(kept.length, 1);
    assert.equal(log.length, 2);
  });

  test("a put whose answer is lost is unclear; sent again it is there already, once", async () => {
    const courier = createFileCourier({ open: openStore, accountOf: account });
    const call = async (): Promise<string> => {
      const result = await courier.call({
        ...{ url: `${bank?.sftp}/in/{key}.txt`, method: "PUT", headers: {}, body: Buffer.from("1") },
        ...{ connectTimeoutMs: 3_000, replyTimeoutMs: 3_000, replyBytesMax: 1_000 },
        about: { destination: "bank", mapping: "bank/batch", key: "K9", attempt: 1 },
      });
      return result.kind === "reply" ? String(JSON.parse(Buffer.from(result.body).toString()).code) : result.kind;
    };
    await fault({ fault: "drop-reply", count: 1, kind: "rename" });
    assert.equal(await call(), "no-reply");
    await sleep(50);
    assert.equal(await call(), "ALREADY");
    await fault({ fault: "refuse" });
    assert.equal(await call(), "unsent");
    await courier.close();
  });
});
