/** One exam for every adapter: a new folder under adapters/ is examined without being mentioned. Whatever comes, an adapter answers; it never throws and never goes on for long. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Adapter, AdapterContext } from "../../domain/partners/adapter.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { loadAdapters } from "../../platform/catalogue/adapters.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const adapters = await loadAdapters();
const loaded = await loadMappings(ROOT, await loadEventRegistry());
/** Of processor time: a call that takes longer holds up everybody's event loop. What a busy machine adds is not the adapter's. */
const LONGEST_MS = 200;

const utf8 = new TextEncoder();
/** Bytes that nobody should send: empty, no text, cut characters, other shapes, deep, wide. */
const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["a byte", Uint8Array.of(0x7b)],
  ["no text", Uint8Array.from({ length: 4_096 }, (_, index) => (index * 37) & 0xff)],
  ["half a character", Uint8Array.of(0x7b, 0x22, 0xe6, 0xb1)],
  ["GBK", Uint8Array.of(0xb2, 0xe2, 0xca, 0xd4)],
  ["a number", utf8.encode("1")],
  ["null", utf8.encode("null")],
  ["a list", utf8.encode("[{}]")],
  ["an empty object", utf8.encode("{}")],
  ["XML", utf8.encode("<ROOT><FUN_CODE/></ROOT>")],
  ["a document type", utf8.encode('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')],
  ["HTML", utf8.encode("<html><body>502 Bad Gateway</body></html>")],
  ["deep JSON", utf8.encode(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`)],
  ["deep XML", utf8.encode(`${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`)],
  ["a long text", utf8.encode(JSON.stringify({ encData: "A".repeat(500_000), data: "x", infcode: "0".repeat(10_000), output: null }))],
  ["odd members", utf8.encode('{"__proto__":{"infcode":0},"infcode":{},"input":[],"appId":{},"signData":[],"encData":7,"timestamp":{}}')],
];

/** The partners whose vendor names the adapter, as their profiles have them; one without a profile of its own besides. */
async function contextsOf(adapter: Adapter): Promise<readonly AdapterContext[]> {
  const vendors = new Set([...loaded.vendors].filter(([, vendor]) => vendor.adapter === adapter.name).map(([name]) => name));
  const files = (await readdir(join(ROOT, "partners"))).filter((name) => name.endsWith(".json"));
  const partners = (await Promise.all(files.map((name) => readFile(join(ROOT, "partners", name), "utf8"))))
    .map((text) => JSON.parse(text) as { partner: string; vendor: string; constants: Record<string, string> })
    .filter((one) => vendors.has(one.vendor));
  let state = 1;
  const bare = {
    nowMs: Date.parse("2026-11-20T09:22:00+08:00"),
    random: (count: number) =>
      Uint8Array.from({ length: count }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return (state >>> 16) & 0xff;
      }),
    key: "0f5b1c2d3e4f60718293a4b5c6d7e8f901234567",
    number: "N1",
  };
  const messages = [...vendors].flatMap((vendor) => [...loaded.mappings.keys()].filter((id) => id.startsWith(`${vendor}/`)).slice(0, 2));
  const kinds = ["nothing", ...messages.map((id) => id.slice(id.indexOf("/") + 1))];
  const secrets = Object.fromEntries(Object.keys(adapter.secrets).map((name) => [name, `${"0".repeat(63)}1`]));
  return [...partners, { partner: "bare", constants: {} }].flatMap(({ partner, constants }) =>
    kinds.flatMap((message) => [
      { ...bare, partner, message, constants, secrets },
      { ...bare, partner, message, constants, secrets: {} },
    ]),
  );
}

/** Runs it and says how long it took; a throw is the failure. */
function timed<T>(what: string, work: () => T): T {
  const since = process.cpuUsage();
  const told = work();
  const { user, system } = process.cpuUsage(since);
  const ms = (user + system) / 1_000;
  assert.ok(ms < LONGEST_MS, `${what} took ${Math.round(ms)} ms`);
  return told;
}

test("there are adapters, and every vendor's is one of them", () => {
  assert.ok(adapters.size > 0);
  for (const [name, { adapter }] of loaded.vendors) if (adapter !== undefined) assert.ok(adapters.has(adapter), name);
});

for (const adapter of adapters.values())
  describe(`C-4 adapter ${adapter.name}`, () => {
    test("names itself and its secrets in both languages, and has a README in both", async () => {
      for (const { zh, en } of [adapter.title, ...Object.values(adapter.secrets)])
        assert.ok(/\p{Script=Han}/u.test(zh) && /[A-Za-z]/.test(en));
      const readme = await readFile(join(ROOT, "adapters", adapter.name, "README.md"), "utf8");
      assert.ok(/\p{Script=Han}/u.test(readme) && /[a-z]{4} [a-z]{2}/.test(readme));
    });
    test("hostile bytes: everything is answered, nothing is thrown, nothing takes long, nothing passes as proved", async () => {
      for (const context of await contextsOf(adapter))
        for (const [what, body] of HOSTILE) {
          const about = `${context.partner} ${context.message} ${what}`;
          for (const headers of [{}, { "content-type": "text/xml; charset=gbk", signature: "x" }]) {
            const opened = timed(`open: ${about}`, () => adapter.open?.({ body, headers }, context));
            const received = timed(`receive: ${about}`, () => adapter.receive?.({ body, headers }, context));
            const sealed = timed(`seal: ${about}`, () => adapter.seal?.({ body, headers: {} }, context));
            for (const told of [opened, received, sealed])
              if (told?.ok === false) assert.ok(told.zh.length > 0 && told.en.length > 0 && !/\p{Script=Han}/u.test(told.en), about);
          }
          timed(`answer: ${about}`, () => adapter.answer?.({ body }, context));
          timed(`lost: ${about}`, () => adapter.session?.lost({ body }));
          assert.equal(adapter.session?.read({ body }), undefined, `signed in by ${about}`);
        }
    });
    test("a call's number is the same for the same call and another for another try", async () => {
      if (adapter.number === undefined) return;
      for (const context of await contextsOf(adapter)) {
        assert.equal(adapter.number(context, 3), adapter.number(context, 3));
        assert.notEqual(adapter.number(context, 3), adapter.number(context, 4));
      }
    });
  });
