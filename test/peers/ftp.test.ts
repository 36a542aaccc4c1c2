/** An FTP server that nobody here wrote (vsftpd), in clear and under TLS that demands its sessions back: files are polled and put. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DoorPolicy } from "../../domain/journal/intake.ts";
import type { Inbound, Journaled } from "../../domain/journal/ports.ts";
import { createFileCourier } from "../../platform/transports/files/courier.ts";
import { openStore } from "../../platform/transports/files/open.ts";
import { createPoller } from "../../platform/transports/files/poller.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { until } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

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

before(() => needPeers(["vsftpd"]));

for (const scheme of ["ftp", "ftps"] as const)
  describe(`${scheme} at vsftpd`, { concurrency: false }, () => {
    const authority = createAuthority("bank authority");
    let home = "";
    let port = 0;
    let server: ChildProcess | undefined;
    before(async () => {
      home = mkdtempSync(join(tmpdir(), `huiliu-${scheme}-`));
      chmodSync(home, 0o755);
      for (const folder of ["files", "files/in", "files/out"]) mkdirSync(join(home, folder));
      const [uid, gid] = await idsOf("ftp");
      for (const folder of ["in", "out"]) chownSync(join(home, "files", folder), uid, gid);
      const { cert, key } = authority.sign("localhost");
      writeFileSync(join(home, "server.pem"), cert + key, { mode: 0o600 });
      port = await freePort();
      mkdirSync("/var/run/vsftpd/empty", { recursive: true });
      writeFileSync(
        join(home, "vsftpd.conf"),
        configOf(join(home, "files"), port, scheme === "ftps" ? join(home, "server.pem") : undefined),
      );
      server = spawn("/usr/sbin/vsftpd", [join(home, "vsftpd.conf")], { stdio: "ignore" });
      await until("it listens", () => listens(port), 20_000);
    });
    after(() => {
      server?.kill("SIGKILL");
      rmSync(home, { recursive: true, force: true });
    });
    const address = (folder: string, more: { readonly url?: string; readonly ca?: string } = {}) => ({
      ...{ url: `${scheme}://anonymous@localhost:${port}/${folder}`, password: "hospital@example", connectMs: 5_000 },
      ...(scheme === "ftps" ? { ca: authority.cert } : {}),
      ...more,
    });

    test("a stranger is refused; under TLS a server whose authority nobody trusts too", async () => {
      await assert.rejects(openStore(address("out", { url: `${scheme}://stranger@localhost:${port}/out` })));
      if (scheme === "ftps")
        await assert.rejects(openStore(address("out", { ca: createAuthority("bank authority").cert })), /certificate/i);
    });

    test("a file that holds still is taken once, whole, and moved away", async () => {
      const kept: Inbound[] = [];
      const accept = async (inbound: Inbound): Promise<Journaled> => {
        if (!kept.some((one) => one.identity === inbound.identity)) kept.push(inbound);
        return { kind: "accepted", message: {} } as Journaled;
      };
      const content = Buffer.alloc(200_000, "批次");
      const file = join(home, "files", "out", "RF20261121001.csv");
      writeFileSync(file, content);
      utimesSync(file, 1_795_000_000, 1_795_000_000);
      const poller = createPoller({
        options: {
          ...{ partner: "bank", where: `${scheme}://bank/out`, everyMs: 100, ready: "stable", after: "move", bytesMax: 1_000_000 },
          messages: [{ name: "RF*.csv", message: "refund-return" }],
        },
        open: () => openStore(address("out")),
        policy: () => POLICY,
        accept,
        lead: async () => true,
        give: async () => undefined,
        log: SILENT,
      });
      await until(
        "it is moved away",
        () => existsSync(join(home, "files", "out", "done", "RF20261121001.csv")),
        20_000,
        () => poller.state(),
      );
      await poller.close();
      assert.equal(kept.length, 1);
      assert.ok(Buffer.from(kept[0]?.raw ?? []).equals(content));
    });

    test("what is larger than allowed is not read to its end", async () => {
      writeFileSync(join(home, "files", "in", "large"), Buffer.alloc(3_000_000));
      const store = await openStore(address("in"));
      assert.equal((await store.read("large", 1_000))?.length, 1_001);
      await store.close();
      rmSync(join(home, "files", "in", "large"));
    });

    test("what we put lies there whole, once; other content never replaces it", async () => {
      const courier = createFileCourier({
        open: (one) => openStore({ ...one, ...(scheme === "ftps" ? { ca: authority.cert } : {}) }),
        accountOf: () => ({ password: "hospital@example" }),
      });
      const call = async (content: Buffer): Promise<string> => {
        const result = await courier.call({
          ...{ url: `${address("in").url}/{key}.txt`, method: "PUT", headers: {}, body: content },
          ...{ connectTimeoutMs: 5_000, replyTimeoutMs: 10_000, replyBytesMax: 10_000 },
          about: { destination: "bank", mapping: "bank/batch", key: "K1", attempt: 1 },
        });
        return result.kind === "reply" ? String(JSON.parse(Buffer.from(result.body).toString()).code) : `${result.kind} ${result.why}`;
      };
      const content = Buffer.alloc(300_000, "批");
      assert.deepEqual([await call(content), await call(content), await call(Buffer.from("other"))], ["STORED", "ALREADY", "DIFFERS"]);
      await courier.close();
      assert.ok(readFileSync(join(home, "files", "in", "K1.txt")).equals(content));
      assert.deepEqual(readdirSync(join(home, "files", "in")), ["K1.txt"]);
    });
  });

/** Everybody may read, write and rename under `in` and `out`. */
const configOf = (root: string, port: number, pem: string | undefined): string =>
  [
    ...["listen=YES", "listen_address=127.0.0.1", `listen_port=${port}`, "background=NO", "anonymous_enable=YES", "local_enable=NO"],
    ...["write_enable=YES", `anon_root=${root}`, "anon_upload_enable=YES", "anon_mkdir_write_enable=YES", "anon_other_write_enable=YES"],
    ...["anon_umask=022", "anon_world_readable_only=NO", "seccomp_sandbox=NO", "secure_chroot_dir=/var/run/vsftpd/empty"],
    ...(pem === undefined
      ? []
      : [
          ...["ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_data_ssl=YES", "force_anon_logins_ssl=YES", "require_ssl_reuse=YES"],
          ...["ssl_ciphers=HIGH", `rsa_cert_file=${pem}`, `rsa_private_key_file=${pem}`],
        ]),
    "",
  ].join("\n");

async function idsOf(user: string): Promise<readonly [uid: number, gid: number]> {
  const [uid, gid] = await Promise.all([run("id", ["-u", user]), run("id", ["-g", user])]);
  return [Number(uid.stdout), Number(gid.stdout)];
}

const listens = (at: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(at, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    setTimeout(() => socket.destroy(), 200).unref();
  });

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
