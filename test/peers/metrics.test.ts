/** Prometheus's own promtool reads our rules and our metrics: every metric that a rule names is one that the engine really tells. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RULES } from "../../bin/docs/alert-rules.ts";
import { ROOT } from "../../bin/environment.ts";
import { type Huiliu, startHuiliu } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

const FILE = join(ROOT, "docs", "alert-rules.yml");
let huiliu: Huiliu;
before(async () => {
  await needPeers(["prometheus"]);
  huiliu = await startHuiliu("peers-metrics");
});
after(() => huiliu?.stop());

describe("promtool", () => {
  test("takes the alert rules, all of them", async () => {
    const { code, stdout, stderr } = await run("promtool", ["check", "rules", FILE]);
    assert.equal(code, 0, `${stdout}${stderr}`);
    // Two rules of one name and label are told on the other channel, with code 0.
    assert.equal(stderr, "");
    assert.match(stdout, new RegExp(`${RULES.length} rules found`));
    const broken = await run("promtool", ["check", "rules", join(ROOT, "package.json")]);
    assert.notEqual(broken.code, 0);
  });

  test("takes the engine's metrics, and they hold every name that a rule asks for", async () => {
    const answer = await fetch(`${(huiliu.run() as unknown as { console: string }).console}/metrics`);
    const text = await answer.text();
    const { code, stdout, stderr } = await run("promtool", ["check", "metrics"], { input: Buffer.from(text) });
    // 3: it would name something otherwise (prom-client's own defaults); 1 and 2: it cannot read them.
    assert.ok(code === 0 || code === 3, `${code} ${stdout}${stderr}`);
    assert.doesNotMatch(`${stdout}${stderr}`, /huiliu_/, "our own names follow the conventions");
    const told = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? ""));
    const asked = [...readFileSync(FILE, "utf8").matchAll(/(?:huiliu|nodejs)_[a-z0-9_]+/g)].map(([one]) => one.replace(/_bucket$/, ""));
    assert.ok(asked.length > 20);
    assert.deepEqual(
      [...new Set(asked)].filter((one) => !told.has(one)),
      [],
    );
  });
});
