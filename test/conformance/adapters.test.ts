/**
 * One exam for every adapter: a new folder under adapters/ is examined without being mentioned, and is red until it has a stand-in here. What goes out is the same for the
 * same call; what comes back is opened only when it holds; hostile bytes never throw, never hang, never pass.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Adapter, AdapterContext } from "../../domain/partners/adapter.ts";
import type { StandIn } from "./adapters/stand-in.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, "adapters");
const names = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
/** No envelope holds up the event loop longer. */
const BLOCKED_MAX_MS = 200;
const LARGE = 262_144;
const FLIPS = 200;
const NUMBERS = 1_000;

/** Whatever may come instead of a reply. */
const hostile = (good: Uint8Array | undefined): readonly (readonly [string, Uint8Array])[] => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const cut = good ?? text("x");
  return [
    ["nothing", new Uint8Array()],
    ["one byte", text("0")],
    ["an error page", text("<html><body><h1>502 Bad Gateway</h1></body></html>")],
    ["JSON null", text("null")],
    ["an empty object", text("{}")],
    ["an empty envelope", text("<ROOT></ROOT>")],
    ["a number where an object belongs", text("42")],
    ["half of it", cut.subarray(0, cut.length >> 1)],
    ["all but its last byte", cut.subarray(0, cut.length - 1)],
    ["it twice", Uint8Array.from([...cut, ...cut])],
    ["noise", Uint8Array.from({ length: 300 }, (_, index) => (index * 7_919) % 256)],
    ["UTF-16", new Uint8Array(Buffer.from("<ROOT>成功</ROOT>", "utf16le"))],
    ["deep JSON", text('{"a":'.repeat(5_000))],
    ["deep XML", text("<a>".repeat(5_000))],
    ["entities", text('<!DOCTYPE a [<!ENTITY b "c">]><ROOT>&b;</ROOT>')],
    ["large", text(`{"a":"${"x".repeat(LARGE)}"}`)],
    ["many members", text(`{${Array.from({ length: LARGE / 16 }, (_, index) => `"k${index}":1`).join(",")}}`)],
    ["__proto__", text('{"__proto__":{"infcode":0},"constructor":1}')],
  ];
};

const busy = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Runs it; fails when it throws, or when it is slow three times. */
function soon<T>(what: string, work: () => T): T {
  for (let tries = 3; ; tries -= 1) {
    const since = busy();
    const result = work();
    const took = busy() - since;
    if (took <= BLOCKED_MAX_MS) return result;
    assert.ok(tries > 1, `${what}: ${Math.round(took)} ms`);
  }
}

const same = (one: Uint8Array, two: Uint8Array): boolean => Buffer.from(one).equals(Buffer.from(two));

function* flips(good: Uint8Array): Generator<readonly [number, Uint8Array]> {
  for (let index = 0; index < FLIPS; index += 1) {
    const at = (index * 7_919) % good.length;
    const changed = new Uint8Array(good);
    changed[at] = (changed[at] ?? 0) ^ (1 << (index % 8));
    yield [at, changed];
  }
}

type Open = (
  body: Uint8Array,
) => { readonly ok: boolean; readonly body?: Uint8Array; readonly zh?: string; readonly en?: string } | undefined;

/** The good one opens; hostile ones are refused in both languages or pass as what they are; where it is signed, no changed byte passes with another meaning. */
function examineOpening(use: string, open: Open, good: Uint8Array | undefined, signed: boolean): void {
  const before = good && open(good);
  if (good) assert.ok(before?.ok, `${use}: the good one is refused: ${before?.en}`);
  for (const [what, body] of hostile(good)) {
    const told = soon(`${use}: ${what}`, () => open(body));
    if (told?.ok === false) assert.ok((told.zh?.length ?? 0) > 0 && (told.en?.length ?? 0) > 0, `${use}: ${what} is refused without words`);
    else if (signed) assert.fail(`${use}: ${what} is accepted`);
  }
  if (!good || !signed) return;
  for (const [at, body] of flips(good)) {
    const told = open(body);
    if (told?.ok)
      assert.ok(before?.body && told.body && same(before.body, told.body), `${use}: byte ${at} changed, and it means something else`);
  }
}

function examine(adapter: Adapter, { use, context, plain, reply, message }: StandIn): void {
  const opened = (told: ReturnType<NonNullable<Adapter["open"]>> | undefined) =>
    told?.ok ? { ok: true, body: told.opened.body } : told && { ok: false, zh: told.zh, en: told.en };

  if (plain)
    test(`${use}: sealed the same for the same call; refused, not thrown, without its secrets; a large one in time`, () => {
      const fixed = (): AdapterContext => ({ ...context, random: (count) => new Uint8Array(count).fill(5) });
      const [one, two] = [adapter.seal?.(plain, fixed()), adapter.seal?.(plain, fixed())];
      assert.ok(one?.ok && two?.ok, JSON.stringify(one));
      assert.ok(same(one.sealed.body, two.sealed.body) && JSON.stringify(one.sealed.headers) === JSON.stringify(two.sealed.headers));
      const none = adapter.seal?.(plain, { ...context, secrets: {} });
      if (none?.ok === false) assert.ok(none.zh.length > 0 && none.en.length > 0);
      for (const secret of Object.values(context.secrets))
        for (const text of [new TextDecoder().decode(one.sealed.body), JSON.stringify(one.sealed.headers)])
          if (secret.length > 15 && !isName(adapter, secret, context))
            assert.ok(!text.includes(secret), `${use}: a secret leaves us in clear`);
      const large = new Uint8Array(LARGE).fill(0x31);
      soon(`${use}: sealing ${LARGE} bytes`, () => adapter.seal?.({ ...plain, body: large }, context));
    });

  if (adapter.open && plain)
    test(`${use}: replies are opened only when they hold`, () => {
      examineOpening(use, (body) => opened(adapter.open?.({ body }, context)), reply?.opening.body, reply?.signed ?? false);
      if (reply?.signed) {
        const wrong = Object.fromEntries(Object.entries(context.secrets).map(([name, value]) => [name, value.replace(/^./, "9")]));
        assert.equal(adapter.open?.(reply.opening, { ...context, secrets: wrong }).ok, false, "another's key opens it");
      }
    });

  if (adapter.receive && message)
    test(`${use}: messages are taken only when they hold, and answered in the envelope`, () => {
      const take: Open = (body) => opened(adapter.receive?.({ ...message.opening, body }, context));
      examineOpening(use, take, message.opening.body, message.signed);
      const answer = adapter.answer?.({ body: new TextEncoder().encode("<RES></RES>") }, context);
      if (adapter.answer) assert.ok(answer && answer.body.length > 0);
    });

  if (adapter.number)
    test(`${use}: a call's numbers are the same when asked again, and others after those that were taken`, () => {
      const numbers = Array.from({ length: NUMBERS }, (_, tries) => adapter.number?.(context, tries) ?? "");
      assert.equal(new Set(numbers).size, NUMBERS);
      assert.equal(adapter.number?.(context, 0), numbers[0]);
      assert.ok(numbers.every((number) => number !== "" && number.length === numbers[0]?.length));
    });
}

/** An account's name is sent on purpose: what is no secret of a pair (access key, paasid) is shown by its own description. */
const isName = (adapter: Adapter, value: string, { secrets }: AdapterContext): boolean =>
  Object.entries(secrets).some(([name, secret]) => secret === value && /AK|标识/.test(adapter.secrets[name]?.zh ?? ""));

describe("adapters, as folders", () => {
  test("the suite sees them all", () => assert.ok(names.length >= 2, names.join(" ")));
});

for (const name of names) {
  const { adapter } = (await import(join(FOLDER, name, "index.ts"))) as { readonly adapter: Adapter };
  const file = join(ROOT, "test", "conformance", "adapters", `${name}.ts`);
  describe(`C-5 adapter ${name}`, () => {
    test("it bears its folder's name, says what it is and which secrets it needs, and has a stand-in in this suite", () => {
      assert.equal(adapter.name, name);
      assert.ok(existsSync(join(FOLDER, name, "README.md")), "README.md");
      for (const { zh, en } of [adapter.title, ...Object.values(adapter.secrets)]) {
        assert.match(zh, /[\u4e00-\u9fff]/);
        assert.match(en, /[a-zA-Z]/);
      }
      assert.ok(existsSync(file), `test/conformance/adapters/${name}.ts is missing: nobody examines this adapter`);
    });
  });
  if (!existsSync(file)) continue;
  const { standIns } = (await import(file)) as { readonly standIns: readonly StandIn[] };
  describe(`C-5 adapter ${name}, examined`, () => {
    for (const one of standIns) examine(adapter, one);
  });
}
