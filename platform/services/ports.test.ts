import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "./ports.ts";

test("a port that another living process means to use is not given out; a dead one's is", async () => {
  const code = `import { freePort } from ${JSON.stringify(join(import.meta.dirname, "ports.ts"))}; process.stdout.write(String(await freePort())); setInterval(() => undefined, 1000);`;
  const other = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(other.stdout, "data")) as [Buffer];
  const port = Number(said.toString());
  assert.ok(port > 0);
  assert.notEqual(await freePort(port), port, "it listens on nothing yet, and is its all the same");
  other.kill("SIGKILL");
  await once(other, "exit");
  assert.equal(await freePort(port), port);
  assert.equal(await freePort(port), port, "our own is ours");
});
