/** What production loads (docs/flow-tests.md): flows as released, whose stored tests pass; a file edited on disk is seen and the flow is not loaded (A51). */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../../bin/environment.ts";
import { releaseSigner, releaseTrust } from "../../bin/flow-tests/keys.ts";
import { admitReleased, admissionOf, decidingFiles, releaseFlows } from "../../bin/flow-tests/release.ts";
import { documents } from "../../bin/doctor/documents.ts";
import { type Release, refusedFlowText, releaseText, signedText } from "../../domain/flowtests/release.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { startNodeRed } from "../../platform/node-red/runtime.ts";
import { nodeRedSettings } from "../../platform/node-red/settings.ts";
import { createFakeEngine } from "../journeys/node-red-bench.ts";
import type { Wanted } from "../../platform/node-red/flow-tests.ts";

const FLOWS = ["charges", "payment-confirm", "statements"];
const NOW_MS = Date.parse("2026-11-20T09:30:00+08:00");

/** Plays nothing and says what it is told to: the real thing is tested in flow-tests.test.ts. */
function createPlayer() {
  const played: (readonly string[])[] = [];
  const red = new Set<string>();
  return {
    played,
    red,
    run: async ({ only = [] }: Wanted): Promise<FlowTestRun> => {
      played.push(only);
      const results = only.map((flow) => ({ flow, test: "accepted", passed: !red.has(flow), differences: [], ms: 1, simulatedMs: 0 }));
      const failed = results.filter((one) => !one.passed).length;
      return { passed: failed === 0, tests: results.length, failed, untested: [], results, problems: [], ms: 1 };
    },
  };
}

describe("releases of flows", () => {
  let root: string;
  let dataDir: string;
  const { run, played, red } = createPlayer();
  const onDisk = async () => (await readFlows(join(root, "flows"))).files;
  const admitted = async () => {
    const { admitted: loaded, refused } = await admitReleased({ root, dataDir, run, trust: releaseTrust({ dataDir }) }, await onDisk());
    return { loaded: [...loaded].sort(), refused: refused.map(({ flow, code }) => `${flow} ${code}`), texts: refused.map(refusedFlowText) };
  };
  const edited = async (path: string, from: string, to: string, look: () => Promise<void>): Promise<void> => {
    const whole = readFileSync(join(root, path), "utf8");
    assert.ok(whole.includes(from), `${path} has no ${from}`);
    writeFileSync(join(root, path), whole.replace(from, to));
    try {
      await look();
    } finally {
      writeFileSync(join(root, path), whole);
    }
  };
  before(() => {
    root = mkdtempSync(join(tmpdir(), "huiliu-releases-"));
    dataDir = join(root, ".data");
    for (const room of ["mappings/his", "mappings/jkt", "partners", ...FLOWS.map((flow) => `flows/${flow}`)])
      cpSync(join(ROOT, room), join(root, room), { recursive: true });
    for (const flow of FLOWS) rmSync(join(root, "flows", flow, "release.json"), { force: true });
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  test("nothing is loaded that was not released, and it is said in both languages with what to do", async () => {
    const { loaded, refused, texts } = await admitted();
    assert.deepEqual(loaded, []);
    assert.deepEqual(
      refused.sort(),
      FLOWS.map((flow) => `${flow} FLOW_NOT_RELEASED`),
    );
    assert.match(texts[0] ?? "", /没有发布.*npx huiliu flow release.*was not released/);
    assert.deepEqual(played, [], "nothing is played of what is not loaded anyway");
  });

  test("a flow whose tests fail is not released, and no file is written of any", async () => {
    red.add("statements");
    const released = await releaseFlows({ root, flows: FLOWS, by: "张工", nowMs: NOW_MS, run, signer: releaseSigner({ dataDir }) });
    assert.equal(released.ok, false);
    assert.deepEqual((await admitted()).loaded, []);
    red.clear();
  });

  test("released, all are loaded; a restart plays nothing again", async () => {
    const released = await releaseFlows({ root, flows: FLOWS, by: "张工", nowMs: NOW_MS, run, signer: releaseSigner({ dataDir }) });
    assert.ok(released.ok);
    assert.deepEqual(released.ok && released.releases.map(({ by, at }) => `${by} ${at}`)[0], "张工 2026-11-20T09:30:00+08:00");
    played.length = 0;
    assert.deepEqual(await admitted(), { loaded: FLOWS, refused: [], texts: [] });
    assert.equal(played.length, 1, "the first start plays them");
    await admitted();
    assert.equal(played.length, 1, "the second does not");
  });

  test("A51 a file edited on disk: the flow is not loaded, its neighbours are, and the log says which file", async () => {
    for (const [path, from, to, flows] of [
      ["flows/charges/flow.json", '"deadlineSeconds": "60"', '"deadlineSeconds": "61"', ["charges"]],
      ["flows/charges/tests/accepted.json", "9250", "9251", ["charges"]],
      ["mappings/his/charge/mapping.json", '"version": 1', '"version": 2', ["charges"]],
      ["mappings/his/payment-confirm/mapping.json", '"busy": ["9"]', '"busy": ["8"]', ["payment-confirm"]],
      ["partners/his.json", '"parallel": 128', '"parallel": 127', ["charges", "payment-confirm"]],
    ] as const)
      await edited(path, from, to, async () => {
        const { loaded, refused, texts } = await admitted();
        assert.deepEqual(
          loaded,
          FLOWS.filter((flow) => !(flows as readonly string[]).includes(flow)),
          path,
        );
        assert.deepEqual(
          refused.sort(),
          flows.map((flow) => `${flow} FLOW_DIFFERS`),
        );
        assert.ok(texts[0]?.includes(path), texts[0]);
      });
    assert.deepEqual((await admitted()).loaded, FLOWS, "restored, they are loaded again");
  });

  test("a release edited by hand, one of another flow, and a test added or taken away are seen", async () => {
    await edited("flows/charges/release.json", '"by": "张工"', '"by": "李工"', async () =>
      assert.deepEqual((await admitted()).refused, ["charges FLOW_RELEASE_DAMAGED"]),
    );
    const statements = readFileSync(join(root, "flows/statements/release.json"), "utf8");
    cpSync(join(root, "flows/charges/release.json"), join(root, "flows/statements/release.json"));
    assert.deepEqual((await admitted()).refused, ["statements FLOW_RELEASE_DAMAGED"]);
    writeFileSync(join(root, "flows/statements/release.json"), statements);
    writeFileSync(join(root, "flows/statements/tests/new.json"), "{}\n");
    assert.deepEqual((await admitted()).refused, ["statements FLOW_DIFFERS"]);
    rmSync(join(root, "flows/statements/tests/new.json"));
  });

  test("a release that is not signed, is signed by somebody else, or was changed and checksummed anew is refused by name", async () => {
    const path = join(root, "flows/charges/release.json");
    const whole = readFileSync(path, "utf8");
    const genuine = JSON.parse(whole) as Release;
    const elsewhere = mkdtempSync(join(tmpdir(), "huiliu-foreign-"));
    const anew = (release: Release): Release => ({ ...release, checksum: createHash("sha256").update(releaseText(release)).digest("hex") });
    const { signature: _, key: __, ...unsigned } = genuine;
    const foreign = releaseSigner({ dataDir: elsewhere });
    const byForeign = { ...genuine, key: foreign.key, signature: foreign.sign(signedText(genuine, foreign.key)) };
    const forged: readonly (readonly [string, object, string])[] = [
      ["without a signature", unsigned, "FLOW_NOT_SIGNED"],
      ["by a foreign key", byForeign, "FLOW_FOREIGN_KEY"],
      ["by a foreign key under our key's name", { ...byForeign, key: genuine.key }, "FLOW_SIGNATURE_WRONG"],
      ["another releaser", anew({ ...genuine, by: "赵六" }), "FLOW_SIGNATURE_WRONG"],
      [
        "another file's hash, so that a changed file would fit",
        anew({ ...genuine, files: { ...genuine.files, "flows/charges/flow.json": "0".repeat(64) } }),
        "FLOW_SIGNATURE_WRONG",
      ],
      ["a test fewer", anew({ ...genuine, tests: ["other"] }), "FLOW_SIGNATURE_WRONG"],
      ["half a file", { ...genuine, files: undefined }, "FLOW_RELEASE_DAMAGED"],
    ];
    try {
      for (const [name, content, code] of forged) {
        writeFileSync(path, JSON.stringify(content));
        const { loaded, refused, texts } = await admitted();
        assert.deepEqual([loaded, refused], [["payment-confirm", "statements"], [`charges ${code}`]], name);
        assert.match(texts[0] ?? "", /[\u4e00-\u9fff].*：.* · .*: /, name);
      }
    } finally {
      writeFileSync(path, whole);
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  test("a key is replaced by trusting both for a while; without any trusted key nothing is loaded", async () => {
    const [old, next] = [mkdtempSync(join(tmpdir(), "huiliu-old-")), mkdtempSync(join(tmpdir(), "huiliu-next-"))];
    const trustedFile = join(next, "trusted.pem");
    const loadedWith = async (...keys: readonly string[]): Promise<readonly string[]> => {
      writeFileSync(trustedFile, keys.join("\n"));
      const trust = releaseTrust({ dataDir, releaseTrustedFile: trustedFile });
      return [...(await admitReleased({ root, dataDir, run, trust }, await onDisk())).admitted].sort();
    };
    try {
      const [present, newer] = [releaseSigner({ dataDir }), releaseSigner({ dataDir: next })];
      assert.equal(statSync(join(next, "release", "signing-key.pem")).mode & 0o777, 0o600);
      assert.equal(releaseSigner({ dataDir: next }).key, newer.key, "made once");
      assert.deepEqual(await loadedWith(present.publicPem, newer.publicPem), FLOWS);
      assert.ok((await releaseFlows({ root, flows: ["charges"], by: "张工", nowMs: NOW_MS, run, signer: newer })).ok);
      assert.deepEqual(await loadedWith(present.publicPem, newer.publicPem), FLOWS);
      assert.deepEqual(await loadedWith(newer.publicPem), ["charges"]);
      assert.deepEqual(await loadedWith(present.publicPem), ["payment-confirm", "statements"]);
      const nobody = releaseTrust({ dataDir: old });
      assert.deepEqual([...(await admitReleased({ root, dataDir, run, trust: nobody }, await onDisk())).admitted], []);
      for (const [content, wrong] of [
        ["", /1 to 50 public keys/],
        ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", /no ed25519 key/],
      ] as const) {
        writeFileSync(trustedFile, content);
        assert.throws(() => releaseTrust({ dataDir, releaseTrustedFile: trustedFile }), wrong);
      }
      assert.throws(() => releaseSigner({ dataDir, releaseKeyFile: join(old, "none.pem") }), /there is no such file/);
    } finally {
      assert.ok((await releaseFlows({ root, flows: ["charges"], by: "张工", nowMs: NOW_MS, run, signer: releaseSigner({ dataDir }) })).ok);
      for (const folder of [old, next]) rmSync(folder, { recursive: true, force: true });
    }
  });

  test("the doctor of a production set-up lists what would not be loaded, by name and reason, before the start", async () => {
    const patient = {
      ...{
        root,
        dataDir,
        profile: "production" as const,
        credentialsFile: undefined,
        postgres: undefined,
        amqp: undefined,
        redis: undefined,
      },
      ...{ partnerUrls: {}, console: undefined, token: undefined, nowMs: () => NOW_MS, releaseKeys: { dataDir } },
    };
    await edited("flows/charges/flow.json", '"deadlineSeconds": "60"', '"deadlineSeconds": "61"', async () => {
      const found = await documents(patient);
      const bad = found.filter((one) => one.at.startsWith("flows/charges ["));
      assert.deepEqual(
        bad.map((one) => [one.at, one.state]),
        [["flows/charges [FLOW_DIFFERS]", "bad"]],
      );
      assert.match(bad[0]?.en ?? "", /flows\/charges\/flow\.json/);
      assert.match(bad[0]?.next?.zh ?? "", /[\u4e00-\u9fff]/);
    });
    assert.deepEqual(
      (await documents(patient)).filter((one) => one.at.startsWith("flows/charges [")),
      [],
    );
  });

  test("tests that fail at the start keep the flow out", async () => {
    rmSync(join(dataDir, "flow-tests-passed.json"));
    red.add("charges");
    const { loaded, refused } = await admitted();
    assert.deepEqual(loaded, ["payment-confirm", "statements"]);
    assert.deepEqual(refused, ["charges FLOW_TESTS_FAILED"]);
    red.clear();
  });

  test("a Function node is refused by name, at the release and at the start", async () => {
    const node = '{\n    "id": "evil",\n    "type": "function",\n    "z": "charges"\n  },\n  {\n    "id": "chg-park"';
    await edited("flows/charges/flow.json", '{\n    "id": "chg-park"', node, async () => {
      const { refused, texts } = await admitted();
      assert.deepEqual(refused, ["charges FLOW_NODE_OUTSIDE"]);
      assert.match(texts[0] ?? "", /evil: function/);
      const released = await releaseFlows({ root, flows: ["charges"], by: "张工", nowMs: NOW_MS, run, signer: releaseSigner({ dataDir }) });
      assert.equal(released.ok, false);
    });
  });

  test("the deciding files are all there is: the README is none of them", async () => {
    const files = Object.keys(await decidingFiles(root, "payment-confirm", (await onDisk()).get("payment-confirm") ?? []));
    for (const wanted of [
      "flows/payment-confirm/flow.json",
      "flows/payment-confirm/tests/paid-in-full.json",
      "mappings/his/payment-confirm/mapping.json",
      "mappings/his/inquiry/mapping.json",
      "mappings/his/vendor.json",
      "mappings/jkt/pay-order/mapping.json",
      "partners/his.json",
      "partners/jkt.json",
    ])
      assert.ok(files.includes(wanted), `${wanted} in ${files.join(" ")}`);
    assert.deepEqual(
      files.filter((path) => path.endsWith("README.md") || path.includes("/examples/")),
      [],
    );
  });

  test("the storage hears only of what is admitted, and every refusal is logged", async () => {
    const lines: string[] = [];
    await edited("flows/charges/flow.json", '"deadlineSeconds": "60"', '"deadlineSeconds": "61"', async () => {
      const admit = admissionOf({ root, dataDir, run, trust: releaseTrust({ dataDir }) }, (level, line) => lines.push(`${level} ${line}`));
      assert.deepEqual([...(await admit(await onDisk()))].sort(), ["payment-confirm", "statements"]);
    });
    assert.match(lines[0] ?? "", /^error .*flows\/charges \[FLOW_DIFFERS\]/);
  });

  test("production's Node-RED runs the admitted flows only, and none of the nodes that run code or reach outside", async () => {
    const engine = createFakeEngine();
    await edited("flows/charges/flow.json", '"deadlineSeconds": "60"', '"deadlineSeconds": "61"', async () => {
      const settings = nodeRedSettings({
        root,
        dataDir,
        profile: "production",
        engine,
        editorPort: 0,
        admit: admissionOf({ root, dataDir, run, trust: releaseTrust({ dataDir }) }, () => undefined),
        log: () => undefined,
        nodesDirs: [ROOT],
      });
      const runtime = await startNodeRed(settings);
      try {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const flows = new Set([...engine.subscribed.values()].map((one) => one.node.flow));
        assert.deepEqual([...flows].sort(), ["payment-confirm", "statements"]);
        assert.equal(runtime.editor, undefined);
        for (const file of ["10-function.js", "90-exec.js", "10-file.js", "21-httprequest.js", "31-tcpin.js", "32-udp.js"])
          assert.ok((settings.nodesExcludes as readonly string[]).includes(file), file);
      } finally {
        await runtime.stop();
      }
    });
  });
});
