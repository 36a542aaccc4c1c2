/** OpenSSH's sshd and sftp, in both directions: we poll and put at sshd; a person's sftp brings a file, and finds what we put. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type AddressInfo, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import type { DoorPolicy } from "../../domain/journal/intake.ts";
import type { Inbound, Journaled } from "../../domain/journal/ports.ts";
import { createFileCourier } from "../../platform/transports/files/courier.ts";
import { openStore } from "../../platform/transports/files/open.ts";
import { createPoller, type Poller } from "../../platform/transports/files/poller.ts";
import { until } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

const FILE = "RF20261121001.csv";
const POLICY: DoorPolicy = {
  partner: "bank",
  vendor: "bank",
  bytesMax: 1_000_000,
  perSecond: 100,
  charset: "gbk",
  kinds: new Set(["refund-return"]),
  exchanges: new Set(),
};
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let home = "";
let port = 0;
let hostKey = "";
let sshd: ChildProcess | undefined;
const user = userInfo().username;
const keyAt = (name: string): string => join(home, name);

before(async () => {
  await needPeers(["openssh-server", "openssh-client"]);
  home = mkdtempSync(join(tmpdir(), "huiliu-sshd-"));
  for (const folder of ["in", "out"]) mkdirSync(join(home, folder));
  for (const name of ["host", "client", "other"]) {
    const made = await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyAt(name)]);
    assert.equal(made.code, 0, made.stderr);
  }
  hostKey = (await run("ssh-keygen", ["-l", "-f", `${keyAt("host")}.pub`])).stdout.split(" ")[1] ?? "";
  writeFileSync(keyAt("authorized"), readFileSync(`${keyAt("client")}.pub`));
  chmodSync(keyAt("authorized"), 0o600);
  port = await freePort();
  mkdirSync("/run/sshd", { recursive: true });
  writeFileSync(
    keyAt("sshd.conf"),
    [
      ...[
        `Port ${port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${keyAt("host")}`,
        `AuthorizedKeysFile ${keyAt("authorized")}`,
        "PasswordAuthentication no",
      ],
      ...["PermitRootLogin prohibit-password", "StrictModes no", "UsePAM no", "Subsystem sftp internal-sftp", `PidFile ${keyAt("pid")}`],
    ].join("\n"),
  );
  sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", keyAt("sshd.conf")], { stdio: "ignore" });
  await until("sshd listens", () => listens(port));
});
after(() => {
  sshd?.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

const address = (folder: string, more: Partial<{ hostKey: string; key: string }> = {}) => ({
  url: `sftp://${user}@127.0.0.1:${port}${home}/${folder}`,
  key: readFileSync(keyAt("client"), "utf8"),
  hostKey,
  connectMs: 60_000,
  ...more,
});
const batch = (file: string): Promise<{ code: number | null; stderr: string }> =>
  run(
    "sftp",
    [
      ...[
        "-q",
        "-b",
        "-",
        "-i",
        keyAt("client"),
        "-P",
        String(port),
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
      ],
      `${user}@127.0.0.1`,
    ],
    { input: Buffer.from(file) },
  );

describe("OpenSSH", { concurrency: false }, () => {
  const kept: Inbound[] = [];
  const accept = async (inbound: Inbound): Promise<Journaled> => {
    const known = kept.some((one) => one.identity === inbound.identity);
    if (!known) kept.push(inbound);
    return known ? { kind: "duplicate", messageId: "1", state: "received" } : ({ kind: "accepted", message: {} } as Journaled);
  };
  const watch = (ready: "stable" | "marker"): Poller =>
    createPoller({
      options: {
        ...{ partner: "bank", where: "sftp://bank/out", everyMs: 100, ready, after: "move", bytesMax: 1_000_000 },
        messages: [{ name: "RF*.csv", message: "refund-return" }],
      },
      open: () => openStore(address("out")),
      policy: () => POLICY,
      accept,
      lead: async () => true,
      give: async () => undefined,
      log: SILENT,
    });

  test("a host key that is not the pinned one, and an account's wrong key, are refused before anything is said", async () => {
    await assert.rejects(openStore(address("out", { hostKey: `SHA256:${"A".repeat(43)}` })), /host key SHA256:/);
    await assert.rejects(openStore(address("out", { key: readFileSync(keyAt("other"), "utf8") })), /authentication/i);
  });

  test("sftp puts a file in two steps with its marker; sshd's folder is polled, the file is taken once and moved away", async () => {
    const poller = watch("marker");
    const text = iconv.encode("批次号,业务流水\r\n".repeat(2_000), "gbk");
    const local = keyAt("local.csv");
    writeFileSync(local, text);
    writeFileSync(keyAt("empty"), "");
    assert.equal((await batch(`put ${local} ${home}/out/${FILE}.part\nrename ${home}/out/${FILE}.part ${home}/out/${FILE}\n`)).code, 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(kept.length, 0, "no marker yet");
    assert.equal((await batch(`put ${keyAt("empty")} ${home}/out/${FILE}.ok\n`)).code, 0);
    await until("it is moved away", () => existsSync(join(home, "out", "done", FILE)));
    await poller.close();
    assert.equal(kept.length, 1);
    assert.ok(Buffer.from(kept[0]?.raw ?? []).equals(text), "every byte of it");
    assert.deepEqual(readdirSync(join(home, "out")), ["done"]);
  });

  test("what grows is not taken before it holds still", async () => {
    kept.length = 0;
    const poller = watch("stable");
    const file = join(home, "out", "RF20261122001.csv");
    for (let piece = 1; piece <= 6; piece += 1) {
      writeFileSync(file, "x".repeat(piece * 1_000));
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await until("it is moved away", () => existsSync(join(home, "out", "done", "RF20261122001.csv")));
    await poller.close();
    assert.equal(kept.length, 1);
    assert.equal(kept[0]?.raw.length, 6_000);
  });

  test("what we put lies there whole, once; other content never replaces it", async () => {
    const courier = createFileCourier({ open: openStore, accountOf: () => ({ key: readFileSync(keyAt("client"), "utf8"), hostKey }) });
    const call = async (content: Buffer): Promise<string> => {
      const result = await courier.call({
        url: `${address("in").url}/{key}.txt`,
        method: "PUT",
        headers: {},
        body: content,
        ...{ connectTimeoutMs: 60_000, replyTimeoutMs: 60_000, replyBytesMax: 10_000 },
        about: { destination: "bank", mapping: "bank/batch", key: "K1", attempt: 1 },
      });
      return result.kind === "reply" ? String(JSON.parse(Buffer.from(result.body).toString()).code) : `${result.kind} ${result.why}`;
    };
    const content = Buffer.alloc(300_000, "批");
    assert.deepEqual([await call(content), await call(content), await call(Buffer.from("other"))], ["STORED", "ALREADY", "DIFFERS"]);
    await courier.close();
    const got = keyAt("got.txt");
    assert.equal((await batch(`get ${home}/in/K1.txt ${got}\n`)).code, 0);
    assert.ok(readFileSync(got).equals(content));
    assert.deepEqual(readdirSync(join(home, "in")), ["K1.txt"]);
  });
});

const listens = (at: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(at, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("close", () => undefined);
    setTimeout(() => socket.destroy(), 200).unref();
  });

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return free;
}
