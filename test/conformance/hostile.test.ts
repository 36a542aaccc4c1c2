/**
 * Bad input against everything that reads (issue 4, "What must show" 5; classes of reference/reliability.md section 8): nothing throws, nothing hangs, the event loop is
 * never held up for 200 ms, and what is not well formed is accepted by nobody. Mappings are found by listing: a new one is tried without being mentioned.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import iconv from "iconv-lite";
import { readHl7 } from "../../domain/mapping/hl7.ts";
import { readJson } from "../../domain/mapping/json.ts";
import type { InboundMapping, TranslateInput } from "../../domain/mapping/mapping.ts";
import { readXml } from "../../domain/mapping/xml.ts";
import { exampleInput } from "../../platform/catalogue/examples.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { type Heavy, heavyDelimited, heavyHl7, heavyJson, heavyXml } from "./corpus/heavy.ts";
import { ENCODINGS, FLIPS_PER_BODY, flipped, JSON_BAD, JSON_GOOD, truncations, XML_BAD } from "./corpus/malformed.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The event loop is never held up longer (section 8). */
const BLOCKED_MAX_MS = 200;
const MIB = 1_048_576;
const SIZES = [64 * 1024, MIB, 4 * MIB - 4_096];
/** A machine under load is slow once; what is slow three times is slow. */
const TRIES = 4;
const CARRIAGE_RETURN = 0x0d;
const HEAVY = { xml: heavyXml, json: heavyJson, delimited: heavyDelimited, hl7: heavyHl7 } as const;
type Codec = keyof typeof HEAVY;

const loaded = await loadMappings(ROOT, await loadEventRegistry());
const inbound = [...loaded.mappings].flatMap(([id, one]) => (one.direction === "inbound" ? [[id, one] as const] : []));
const codecOf = (mapping: InboundMapping): Codec => mapping.document.codec?.kind ?? mapping.document.parts?.reply.codec.kind ?? "delimited";

/** What this thread was busy, in milliseconds: the time that others take from it on a full machine is not the reader's. */
const busy = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** The least time of a few tries: only what is always slow is a fault. */
function quickest(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let left = TRIES; left > 0 && least > BLOCKED_MAX_MS; left -= 1) {
    const since = busy();
    work();
    least = Math.min(least, busy() - since);
  }
  return least;
}

async function bodiesOf(
  codec: Codec,
): Promise<readonly { readonly id: string; readonly mapping: InboundMapping; readonly input: TranslateInput }[]> {
  const bodies = [];
  for (const [id, mapping] of inbound) {
    if (codecOf(mapping) !== codec) continue;
    const folder = join(ROOT, "mappings", id, "examples");
    const names = await readdir(folder).catch((): string[] => []); // a folder without examples is another exam's affair
    const [name] = names.filter((one) => !one.startsWith("refused-")).sort();
    if (name !== undefined) bodies.push({ id, mapping, input: await exampleInput(join(folder, name), id.split("/")[0] ?? "") });
  }
  return bodies;
}

describe("S2-25 readers: large, deep and wide bodies", () => {
  const readers: readonly (readonly [string, (text: string) => unknown, (size: number) => readonly Heavy[]])[] = [
    ["xml", (text) => readXml(text), heavyXml],
    ["xml with namespaces", (text) => readXml(text, true), heavyXml],
    ["json", readJson, heavyJson],
    ["hl7", (text) => readHl7(text), heavyHl7],
  ];
  for (const [name, read, corpus] of readers)
    test(`${name}: no body holds up the event loop for ${BLOCKED_MAX_MS} ms`, () => {
      const slow = SIZES.flatMap((size) =>
        corpus(size).flatMap(({ what, text }) => {
          const ms = quickest(() => read(text));
          return ms > BLOCKED_MAX_MS ? [`${what} of ${text.length} characters: ${Math.round(ms)} ms`] : [];
        }),
      );
      assert.deepEqual(slow, []);
    });
});

describe("S2-25 translation: large, deep and wide bodies", () => {
  for (const codec of Object.keys(HEAVY) as Codec[])
    test(`${codec}: refused within ${BLOCKED_MAX_MS} ms by a mapping of each vendor`, async () => {
      const tried = new Set<string>();
      const wrong: string[] = [];
      for (const { id, mapping, input } of await bodiesOf(codec)) {
        const vendor = id.split("/")[0] ?? "";
        if (tried.has(vendor)) continue;
        tried.add(vendor);
        for (const { what, text } of HEAVY[codec](MIB)) {
          const raw = new Uint8Array(Buffer.from(text));
          const hostile = { ...input, raw, ...(input.reply ? { reply: raw } : {}), charset: "utf-8" };
          let accepted = false;
          const ms = quickest(() => {
            accepted = mapping.translate(hostile).ok;
          });
          if (accepted) wrong.push(`${id}: ${what} is accepted`);
          if (ms > BLOCKED_MAX_MS) wrong.push(`${id}: ${what} takes ${Math.round(ms)} ms`);
        }
      }
      assert.deepEqual(wrong, []);
      assert.ok(tried.size > 0, "no mapping of this codec: the exam is blind");
    });
});

describe("S2-25 XML and JSON that are none", () => {
  test(`XML: each of ${XML_BAD.length} malformed documents is refused`, () =>
    assert.deepEqual(
      XML_BAD.filter((text) => readXml(text, true).ok),
      [],
    ));
  test(`JSON: each of ${JSON_BAD.length} malformed or forbidden documents is refused, each of ${JSON_GOOD.length} good ones read`, () => {
    assert.deepEqual(
      JSON_BAD.filter((text) => readJson(text).ok),
      [],
    );
    assert.deepEqual(
      JSON_GOOD.filter((text) => !readJson(text).ok),
      [],
    );
  });
});

describe("S2-25 real bodies, cut and flipped", () => {
  for (const codec of ["xml", "json", "hl7"] as const)
    test(`${codec}: no message that was cut short is accepted; flipped bits never throw`, async () => {
      let cuts = 0;
      for (const { id, mapping, input } of await bodiesOf(codec)) {
        for (const raw of truncations(input.raw)) {
          // HL7 ends with its frame: whole segments are a message of their own, and what must be there is the mapping's affair.
          if (codec === "hl7" && raw.at(-1) === CARRIAGE_RETURN) continue;
          cuts += 1;
          assert.equal(mapping.translate({ ...input, raw }).ok, false, `${id} cut to ${raw.length} of ${input.raw.length} bytes`);
        }
        for (const raw of flipped(input.raw, FLIPS_PER_BODY)) mapping.translate({ ...input, raw });
      }
      assert.ok(cuts > 200, `only ${cuts} cuts: the exam is blind`);
    });
});

describe("S2-25 encodings", () => {
  for (const { what, bytes, charset } of ENCODINGS)
    test(`${what}: refused, or the same text; never a replacement character`, async () => {
      for (const codec of ["xml", "json"] as const)
        for (const { id, mapping, input } of (await bodiesOf(codec)).slice(0, 4)) {
          const text = iconv.decode(Buffer.from(input.raw), "utf-8");
          const result = mapping.translate({ ...input, raw: new Uint8Array(bytes(text)), charset });
          const said = result.ok ? JSON.stringify(result.events) : "";
          assert.ok(!said.includes("\uFFFD") && !said.includes("\0"), `${id}: ${what}`);
        }
    });
});
