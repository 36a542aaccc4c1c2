/** DICOM clients that nobody here wrote: dcmtk's echoscu and storescu, and Orthanc, at a running Huiliu. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { type Huiliu, startHuiliu, until } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

const PIXELS = 16_384;
const CT = "1.2.840.10008.5.1.4.1.1.2";

let huiliu: Huiliu;
let folder = "";
let orthanc: ChildProcess | undefined;

before(async () => {
  await needPeers(["dcmtk", "orthanc"]);
  huiliu = await startHuiliu("peer-dicom");
  folder = join(huiliu.dataDir, "peers");
  mkdirSync(folder, { recursive: true });
});
after(async () => {
  orthanc?.kill("SIGKILL");
  await huiliu?.stop();
});

const port = (): string =>
  new URL(String((huiliu.run() as unknown as { dicom: Record<string, string> }).dicom.pacs).replace("dicom:", "http:")).port;
const to = (calling = "CT01", called = "HUILIU"): readonly string[] => ["-aet", calling, "-aec", called, "127.0.0.1", port()];

/** An image of dcmtk's making: GB18030 names, pixels. */
async function imageFile(uid: string, series: string): Promise<string> {
  const dump = [
    "(0008,0005) CS [GB18030]",
    `(0008,0016) UI [${CT}]`,
    `(0008,0018) UI [${uid}]`,
    "(0008,0020) DA [20261120]",
    "(0008,0050) SH [ACC900001]",
    "(0008,0060) CS [CT]",
    "(0010,0010) PN [测试患者甲]",
    "(0010,0020) LO [P900001]",
    "(0020,000d) UI [2.25.900001]",
    `(0020,000e) UI [${series}]`,
    "(0028,0002) US 1",
    "(0028,0010) US 64",
    "(0028,0011) US 128",
    "(0028,0100) US 16",
    "(0028,0101) US 16",
    "(0028,0102) US 15",
    "(0028,0103) US 0",
    `(7fe0,0010) OW ${Array.from({ length: PIXELS / 2 }, () => "abcd").join("\\")}`,
  ].join("\n");
  const [text, file] = [join(folder, `${uid}.txt`), join(folder, `${uid}.dcm`)];
  writeFileSync(text, iconv.encode(`${dump}\n`, "gb18030"));
  const made = await run("dump2dcm", ["+l", "200000", text, file]);
  assert.ok(made.code === 0 && existsSync(file), made.stderr); // it ends with 0 when it made nothing
  return file;
}

describe("DICOM clients of others", { concurrency: false }, () => {
  test("echoscu is answered; under another name, or asking for another, it is rejected", async () => {
    const good = await run("echoscu", [...to()]);
    assert.equal(good.code, 0, good.stderr);
    for (const wrong of [to("STRANGER"), to("CT01", "SOMEBODY")]) {
      const refused = await run("echoscu", ["-v", ...wrong]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr + refused.stdout, /Association Rejected|AE Title Not Recognized/i);
    }
  });

  test("storescu: metadata is kept, pixels are not; the same image again is no second message", async () => {
    const file = await imageFile("2.25.910001", "2.25.910000");
    for (let round = 0; round < 2; round += 1) {
      const sent = await run("storescu", ["-v", ...to(), file]);
      assert.equal(sent.code, 0, sent.stderr);
      assert.match(sent.stderr + sent.stdout, /Store Response \(Success\)/);
    }
    const other = await run("storescu", ["-v", "-xi", ...to(), await imageFile("2.25.910002", "2.25.910000")]);
    assert.equal(other.code, 0, other.stderr);
    await until("both are worked on", async () => {
      const rows = await huiliu.sql("select state from message where kind = 'store'");
      return rows.length === 2 && rows.every(({ state }) => state !== "received" && state !== "working");
    });
    const events = await huiliu.sql("select subject from event where type = 'images.received'");
    assert.deepEqual(events, [{ subject: "serial:ACC900001" }], "one for the series");
    const [message] = await huiliu.sql("select id from message where kind = 'store' order by seq limit 1");
    const shown = JSON.stringify((await huiliu.api(`/messages/${String(message?.id)}`)).body);
    assert.match(shown, /ACC900001/);
    assert.ok(!shown.includes("q83rzavNq82r"), "no pixels"); // abcd abcd … in base64
  });

  test("forty associations at once: those that there is room for are answered, the others are closed, and everybody is served after", async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => run("echoscu", ["-to", "5", ...to()])));
    assert.ok(all.filter(({ code }) => code === 0).length >= 20, `${all.filter(({ code }) => code === 0).length} of 40`);
    assert.equal((await run("echoscu", [...to()])).code, 0);
  });

  test("Orthanc echoes and stores towards us", async () => {
    const [http, dicom] = [await freePort(), await freePort()];
    const config = join(folder, "orthanc.json");
    const storage = join(folder, "orthanc");
    mkdirSync(storage, { recursive: true });
    writeFileSync(
      config,
      JSON.stringify({
        ...{ Name: "peer", StorageDirectory: storage, IndexDirectory: storage, HttpPort: http, DicomPort: dicom, DicomAet: "CT01" },
        ...{ RemoteAccessAllowed: false, AuthenticationEnabled: false, Plugins: [] },
        DicomModalities: { huiliu: ["HUILIU", "127.0.0.1", Number(port())] },
      }),
    );
    orthanc = spawn("Orthanc", [config], { stdio: "ignore" });
    const url = `http://127.0.0.1:${http}`;
    const post = async (path: string, body: Buffer | string): Promise<Record<string, unknown>> => {
      const answer = await fetch(url + path, { method: "POST", body });
      assert.equal(answer.status, 200, `${path}: ${answer.status}`);
      return (await answer.json()) as Record<string, unknown>;
    };
    await until(
      "Orthanc runs",
      () =>
        fetch(`${url}/system`)
          .then((answer) => answer.ok)
          .catch(() => false),
      30_000,
    ); // not listening yet
    await post("/modalities/huiliu/echo", "{}");
    const file = await imageFile("2.25.920001", "2.25.920000");
    const { ID } = await post("/instances", readFileSync(file));
    await post("/modalities/huiliu/store", JSON.stringify([ID]));
    await until("its image came", async () => (await huiliu.sql("select 1 from message where identity like '%2.25.920001%'")).length === 1);
  });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return free;
}
