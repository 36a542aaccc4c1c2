/** What the doctor finds in set-ups that are wrong in one way each; a whole one is looked at in test/journeys/happy.test.ts. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority } from "../../test/fakes/certificates.ts";
import { ROOT } from "../environment.ts";
import { sayIn } from "../huiliu/texts.ts";
import { diagnosisText, examine, patientOf } from "./doctor.ts";
import type { Patient } from "./finding.ts";
import { machine } from "./machine.ts";
import { certificatesOf, partners } from "./partners.ts";

const home = mkdtempSync(join(tmpdir(), "huiliu-doctor-"));
after(() => rmSync(home, { recursive: true, force: true }));
let counter = 0;

/** A project of its own with these partner files. */
function project(files: Readonly<Record<string, unknown>>): string {
  counter += 1;
  const root = join(home, String(counter));
  mkdirSync(join(root, "partners"), { recursive: true });
  mkdirSync(join(root, "flows"));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(root, "partners", name), typeof content === "string" ? content : JSON.stringify(content));
  return root;
}
const patient = (root: string, over: Partial<Patient> = {}): Patient => ({
  root,
  dataDir: join(root, ".data"),
  profile: "development",
  credentialsFile: undefined,
  releaseKeys: { dataDir: join(root, ".data") },
  postgres: undefined,
  amqp: undefined,
  redis: undefined,
  partnerUrls: {},
  console: undefined,
  token: undefined,
  nowMs: () => Date.now(),
  ...over,
});
const to = (url: string) => ({ destination: { url } });

test("a partner that listens, one that does not, one that is a sample, a file that is none", async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => closed.once("listening", resolve));
  const free = (closed.address() as AddressInfo).port;
  await new Promise((resolve) => closed.close(resolve));
  const root = project({
    "his.json": to(`http://127.0.0.1:${port}`),
    "lis.json": to(`mllp://127.0.0.1:${free}`),
    "ris.json": to("http://127.0.0.1:1/x"),
    "bad.json": "{",
  });
  const found = await partners(patient(root));
  assert.deepEqual(Object.fromEntries(found.map((one) => [one.at, one.state])), {
    his: "ok",
    lis: "bad",
    ris: "warn",
    "partners/bad.json": "bad",
  });
  const strict = await partners(patient(root, { profile: "production" }));
  assert.equal(strict.find((one) => one.at === "ris")?.state, "bad");
  const moved = await partners(patient(root, { partnerUrls: { lis: `mllp://127.0.0.1:${port}` } }));
  assert.equal(moved.find((one) => one.at === "lis")?.state, "ok");
});

test("F29 a certificate that runs out is told 30 days before, in a file of ours and at the partner's door", async (t) => {
  const { cert, key } = createAuthority("hospital").sign("localhost");
  const root = project({
    "his.json": { destination: { url: "https://x", tls: { cert: "his.crt" } } },
    "gone.json": { inbound: { tls: { ca: "no.pem" } } },
  });
  writeFileSync(join(root, "his.crt"), cert);
  const server = createTlsServer({ cert, key }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const statesAt = async (nowMs: number) =>
    (await partners(patient(root, { partnerUrls: { his: url }, nowMs: () => nowMs })))
      .filter((one) => one.at === "his")
      .map((one) => one.state);
  const DAY = 86_400_000;
  assert.deepEqual(await statesAt(Date.now()), ["warn", "ok", "warn"]); // valid for one more day
  assert.deepEqual(await statesAt(Date.now() + 2 * DAY), ["bad", "ok", "bad"]);
  assert.deepEqual(await statesAt(Date.now() - 40 * DAY), ["ok", "ok", "ok"]);
  const gone = (await partners(patient(root, { partnerUrls: { his: url } }))).find((one) => one.at === "gone");
  assert.equal(gone?.state, "bad");
  assert.deepEqual(certificatesOf({ a: [{ cert: "x.pem" }, "y.crt"], key: "server-key.pem", url: "http://x" }), ["x.pem", "y.crt"]);
});

test("credentials that others can read are bad, and the owner's alone are not", { skip: process.platform === "win32" }, async () => {
  const root = project({});
  const dataDir = join(root, ".data");
  mkdirSync(dataDir, { mode: 0o755 });
  const file = join(dataDir, "credentials.json");
  writeFileSync(file, "{}");
  chmodSync(file, 0o644);
  const stateOf = async () => (await machine(patient(root))).find((one) => one.at === file)?.state;
  assert.equal(await stateOf(), "bad");
  chmodSync(file, 0o600);
  assert.equal(await stateOf(), undefined);
});

test("what is unreachable is told with its next step, without anybody's password, and the exit says so", async () => {
  const root = project({});
  symlinkSync(join(ROOT, "mappings"), join(root, "mappings"));
  const diagnosis = await examine(
    patient(root, {
      postgres: "postgres://u:s3cr3t-word@127.0.0.1:1/x",
      amqp: "amqp://u:s3cr3t-word@127.0.0.1:1",
      redis: "redis://:s3cr3t-word@127.0.0.1:1",
      console: "http://127.0.0.1:1",
      token: "t".repeat(20),
    }),
  );
  assert.equal(diagnosis.sound, false);
  const states = Object.fromEntries(
    diagnosis.findings.filter((one) => one.check === "servers" || one.check === "engine").map((one) => [one.at, one.state]),
  );
  assert.deepEqual(states, { PostgreSQL: "bad", RabbitMQ: "bad", Redis: "warn", engine: "bad" });
  for (const one of diagnosis.findings) assert.ok(one.state === "ok" || (one.next?.zh && one.next.en), `${one.at} has no next step`);
  for (const lang of ["zh", "en"] as const) {
    const text = diagnosisText(sayIn(lang), diagnosis).join("\n");
    assert.doesNotMatch(text, /s3cr3t-word/);
    assert.match(text.split("\n").at(-1) ?? "", /^✗/);
  }
});

test("addresses come from what runs, and the environment's win", () => {
  const root = project({});
  const dataDir = join(root, ".data");
  mkdirSync(dataDir);
  writeFileSync(
    join(dataDir, "run.json"),
    JSON.stringify({ console: "http://c", token: "t", postgres: "postgres://run", hospital: { his: { url: "http://h" } } }),
  );
  const found = patientOf(root, dataDir, { HUILIU_POSTGRES_URL: "postgres://env", HUILIU_PARTNER_URLS: '{"lis":"mllp://l"}' }, () => 0);
  assert.deepEqual(
    [found.postgres, found.console, found.partnerUrls],
    ["postgres://env", "http://c", { his: "http://h", lis: "mllp://l" }],
  );
});
