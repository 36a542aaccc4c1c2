/**
 * One exam for every outbound mapping: a reply that speaks of somebody else's request never acknowledges ours (Mirth #1441: a late answer was taken for the next
 * message's), and every declared later acknowledgement can be correlated. A new mapping is examined without being mentioned.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { laterProblems } from "../../domain/mapping/later.ts";
import { checkVendor, type Mapping, type OutboundMapping, type Reply } from "../../domain/mapping/mapping.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const loaded = await loadMappings(ROOT, await loadEventRegistry());
const outbound = [...loaded.mappings].filter((one): one is [string, OutboundMapping] => one[1].direction === "outbound");

/** The reply examples of a mapping, as they are sent and answered. */
async function repliesOf(id: string): Promise<readonly (Reply & { readonly name: string })[]> {
  const folder = join(ROOT, "mappings", id, "examples");
  const replies: (Reply & { readonly name: string })[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const files = await readdir(join(folder, name));
    const file = files.find((one) => one.startsWith("reply."));
    if (!files.includes("sent.json") || file === undefined) continue;
    const { status, contentType, sent } = JSON.parse(await readFile(join(folder, name, "sent.json"), "utf8")) as {
      readonly status?: number;
      readonly contentType?: string;
      readonly sent: { readonly key: string; readonly serial?: string; readonly amountFen?: string };
    };
    const { amountFen, ...rest } = sent;
    const body = await readFile(join(folder, name, file));
    replies.push({
      name,
      status,
      contentType,
      body,
      sent: { ...rest, ...(amountFen === undefined ? {} : { amountFen: BigInt(amountFen) }) },
    });
  }
  return replies;
}

/** Called through a bridge, which repeats the key of what it answers (test/contracts/dll/bridge.test.ts). */
const DLL: ReadonlySet<string> = new Set(["chongqing", "neusoft"]);

for (const [id, mapping] of outbound) {
  describe(`C-4 F17 correlation of ${id}`, () => {
    test("a reply to another request is unclear: not acknowledged, and no claim about ours", async () => {
      const { ack } = mapping.document.reply;
      const named = ack.key !== undefined || ack.serial !== undefined;
      assert.ok(
        named || ack.byWire !== undefined,
        "the contract names nothing by which a reply could be known, and does not say what else tells",
      );
      if (!named && (ack.amount === undefined || DLL.has(id.split("/")[0] ?? ""))) return;
      let tried = 0;
      for (const reply of await repliesOf(id)) {
        if (mapping.interpret(reply).outcome !== "acknowledged") continue;
        const { sent } = reply;
        const others: Reply["sent"][] = [
          ...(ack.key === undefined
            ? []
            : [
                // In its first part: some replies name no more of it (keyFirst).
                { ...sent, key: `x${sent.key.slice(1)}` },
                { ...sent, key: "" },
              ]),
          ...(ack.serial === undefined || sent.serial === undefined ? [] : [{ ...sent, serial: `${sent.serial}x` }]),
          ...(ack.amount === undefined || sent.amountFen === undefined ? [] : [{ ...sent, amountFen: sent.amountFen + 1n }]),
        ];
        for (const other of others) {
          tried += 1;
          const read = mapping.interpret({ ...reply, sent: other });
          assert.equal(read.outcome, "unclear", `${reply.name} for ${JSON.stringify(other, (_key, value: unknown) => String(value))}`);
          if (other.key !== sent.key) assert.equal(read.claims, undefined, `${reply.name} claims another's request`);
        }
      }
      assert.ok(tried > 0, "no example acknowledges: the exam is blind");
    });
  });
}

for (const [vendor, document] of loaded.vendors) {
  for (const [kind, { acknowledges, by }] of Object.entries(document.acknowledgements ?? {})) {
    test(`C-4 the later acknowledgement ${vendor}/${kind} names its write-back by ${by}, in every example of ${acknowledges} that acknowledges`, async () => {
      const mapping = loaded.mappings.get(`${vendor}/${acknowledges}`);
      assert.equal(mapping?.direction, "outbound");
      let named = 0;
      for (const reply of await repliesOf(`${vendor}/${acknowledges}`)) {
        if (mapping?.direction !== "outbound" || mapping.interpret(reply).outcome !== "acknowledged") continue;
        const names = mapping.names(reply);
        assert.ok(names.ok);
        assert.ok(names.named[by] !== undefined, reply.name);
        if (by === "key") assert.equal(names.named.key, reply.sent.key);
        named += 1;
      }
      assert.ok(named > 0);
    });
  }
}

describe("declarations of later acknowledgements", () => {
  const own = new Map(
    [...loaded.mappings].filter(([id]) => id.startsWith("his/")).map(([id, one]): [string, Mapping] => [id.slice(4), one]),
  );
  const his = loaded.vendors.get("his");
  const declare = (acknowledgements: object) => {
    const checked = checkVendor({ ...his, acknowledgements });
    assert.ok(checked.ok, JSON.stringify(checked));
    return laterProblems(checked.vendor, own);
  };
  const title = { zh: "确认", en: "answer" };

  test("as they stand they have no problem", () => {
    assert.ok(his);
    assert.deepEqual(laterProblems(his, own), []);
  });

  for (const [what, acknowledgements, at] of [
    ["an unknown outbound message", { answer: { title, acknowledges: "nothing", by: "key" } }, "/acknowledgements/answer/acknowledges"],
    ["an inbound message", { answer: { title, acknowledges: "charge", by: "key" } }, "/acknowledgements/answer/acknowledges"],
    ["an inquiry", { answer: { title, acknowledges: "inquiry", by: "key" } }, "/acknowledgements/answer/acknowledges"],
    [
      "a place that the contract does not give",
      { answer: { title, acknowledges: "payment-confirm", by: "reference" } },
      "/acknowledgements/answer/by",
    ],
    [
      "the name of a message that is there already",
      { charge: { title, acknowledges: "payment-confirm", by: "key" } },
      "/acknowledgements/charge",
    ],
  ] as const)
    test(`${what} is a problem, said in both languages`, () => {
      const problems = declare(acknowledgements);
      assert.ok(
        problems.some((one) => one.at === at),
        JSON.stringify(problems),
      );
      for (const { zh, en } of problems) assert.ok(zh.length > 0 && en.length > 0);
    });

  test("a field that nobody knows, or a name with capitals, does not satisfy the schema", () => {
    for (const wrong of [
      { answer: { title, acknowledges: "payment-confirm", by: "guess" } },
      { Answer: { title, acknowledges: "payment-confirm", by: "key" } },
    ])
      assert.equal(checkVendor({ ...his, acknowledgements: wrong }).ok, false);
  });
});
