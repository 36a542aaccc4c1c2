/** The whole way of a first start: the set-up link, the first administrator, people he makes, the editor, the command line, a restart. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, test } from "node:test";
import { engineRefuses, type Huiliu, ROOT, startHuiliu } from "./harness.ts";
import { COOKIE, pageHeaders, PASSWORD, type Person, sessionIn, signInAs } from "./sign-in.ts";

const run = promisify(execFile);

describe("a first start", { concurrency: false, timeout: 300_000 }, () => {
  let huiliu: Huiliu;
  let integrator: Person;
  const addressOf = (): { readonly console: string; readonly token: string; readonly setup?: string; readonly editor: string } =>
    huiliu.run();
  /** `npx huiliu …` as its owner types it. */
  const cli = async (...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
    const line = ["--disable-warning=ExperimentalWarning", join(ROOT, "bin", "huiliu.ts"), ...args, "--data", huiliu.dataDir];
    try {
      const { stdout, stderr } = await run(process.execPath, line);
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
      return { code, out: stdout, err: stderr };
    }
  };
  const post = (path: string, body: object, session?: string): Promise<Response> => {
    const { console } = addressOf();
    return fetch(`${console}/api/v1${path}`, { method: "POST", headers: pageHeaders(console, session), body: JSON.stringify(body) });
  };

  before(async () => {
    huiliu = await startHuiliu("sign-in");
  });
  after(() => huiliu?.stop());

  test("the link of the start makes the first administrator; the next start has none", async () => {
    const { setup = "", console } = addressOf();
    assert.ok(setup.startsWith(`${console}/setup#token=`), setup);
    const token = setup.slice(setup.indexOf("=") + 1);
    const made = await post("/setup", { token, login: "boss", name: "王主任", password: PASSWORD });
    assert.deepEqual([made.status, await made.json()], [200, { stage: "full", name: "王主任" }]);
    assert.equal((await post("/setup", { token, login: "boss2", name: "李主任", password: PASSWORD })).status, 409);
    const session = sessionIn(made);
    await huiliu.restartEngine();
    await huiliu.recovered();
    assert.equal(addressOf().setup, undefined, "no further link");
    const me = await fetch(`${addressOf().console}/api/v1/me`, { headers: { cookie: `${COOKIE}=${session}` } });
    assert.equal(me.status, 200, "a session outlives a restart of the engine");
  });

  test("the editor opens to an integrator's session, to nobody else's", async () => {
    const { editor } = addressOf();
    integrator = await signInAs(addressOf(), { login: "li", name: "李工", roles: ["integrator"] });
    const operator = await signInAs(addressOf(), { login: "zhang", name: "张值班", roles: ["operator"] });
    const statusOf = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await fetch(new URL("flows", editor), { headers })).status;
    assert.deepEqual(
      [
        await statusOf({}),
        await statusOf({ cookie: `${COOKIE}=${operator.session}` }),
        await statusOf({ cookie: `${COOKIE}=${integrator.session}` }),
        await statusOf({ authorization: `Bearer ${addressOf().token}` }),
      ],
      [401, 403, 200, 200],
    );
    await fetch(`${addressOf().console}/api/v1/session/end`, { method: "POST", headers: integrator.headers, body: "{}" });
    assert.equal(await statusOf({ cookie: `${COOKIE}=${integrator.session}` }), 401);
  });

  test("whoever owns the machine lists accounts and resets one: new password, sessions ended, on record", async () => {
    const listed = await cli("account", "list", "--lang", "en");
    assert.match(listed.out, /boss +王主任 +administrator/);
    const reset = await cli("account", "reset", "zhang", "--reason", "forgot his password", "--by", "root", "--lang", "en");
    assert.equal(reset.code, 0, reset.err);
    const password = /sign-in\): (\S+)/.exec(reset.out)?.[1] ?? "";
    assert.equal(((await (await post("/session", { login: "zhang", password })).json()) as { stage: string }).stage, "password");
    const [note] = await huiliu.sql("select who, reason from operator_action where action = 'reset-account'");
    assert.deepEqual(note, { who: "root", reason: "forgot his password" });
    const setup = await cli("account", "setup-link");
    assert.deepEqual([setup.code, /SETUP_DONE/.test(setup.err)], [2, true]);
    assert.equal((await cli("account", "reset", "nobody", "--reason", "测试测试")).code, 2);
    assert.equal((await cli("account", "rename")).code, 2);
  });

  test("the log has no password, no cookie and no code", () => {
    const log = huiliu.log();
    for (const secret of [PASSWORD, integrator.session]) assert.ok(!log.includes(secret));
  });

  test("a console beyond this machine without TLS refuses the start", async () => {
    const { code, said } = await engineRefuses({ ...huiliu.engineEnv(), HUILIU_CONSOLE_HOST: "0.0.0.0" });
    assert.equal(code, 1);
    assert.match(said, /CONSOLE_WITHOUT_TLS/);
  });
});
