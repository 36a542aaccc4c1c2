import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { linkText, markText, markTextOf, type StoredEntry } from "./entry.ts";
import { type Head, headOfLine } from "./heads.ts";
import { findingTexts } from "./texts.ts";
import { createVerifier, type Link, TAMPERINGS, type Told } from "./verify.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const mac = (text: string): string => createHmac("sha256", "key").update(text).digest("base64url");
const NONCE = "00112233445566778899";

function entry(n: number, over: Partial<StoredEntry> = {}): StoredEntry {
  const plain = {
    id: String(n + 100),
    micros: `${1_795_000_000_000 + n}000`,
    who: "王工",
    action: "replay",
    targetKind: "message",
    targetId: `m${n}`,
    reason: "because",
    approvedBy: null,
    before: `{"b": 1.50, "a": ["x", null], "n": ${n}}`,
    after: null,
    mark: null,
  };
  const nonce = `${NONCE}${String(n).padStart(2, "0")}`;
  return { ...plain, mark: `${nonce}.${mac(markTextOf(plain, nonce) ?? "")}`, ...over };
}

function chain(entries: readonly StoredEntry[]): Link[] {
  let previous = "";
  return entries.map((one, index) => {
    const n = String(index + 1);
    previous = hash(linkText(previous, n, one));
    return { n, actionId: one.id, hash: previous, entry: one };
  });
}
const head = ({ n, hash: of }: Link): Head => ({ n, hash: of, at: "2026-11-22T10:00:00+08:00", since: "0", key: "k", signature: "s" });

function found(links: readonly Link[], told: Partial<Told> = {}): string[] {
  const all: Told = { stored: [], outside: [], forged: [], loose: [], ...told };
  const needed = new Set([...all.stored, ...all.outside].map((one) => one.n));
  const verifier = createVerifier({ hash, mac }, { needed, since: 0n });
  for (const one of links) verifier.link(one);
  return verifier.end(all).findings.map(({ kind, n, to }) => `${kind} ${n}${to === undefined ? "" : `-${to}`}`);
}

describe("A62 the audit's rules", () => {
  const entries = [1, 2, 3, 4, 5].map((n) => entry(n));
  const links = chain(entries);
  const heads = links.filter((one) => one.n === "2" || one.n === "5").map(head);
  test("a chain as it was written has no finding, whatever order a JSON's members are stored in", () => {
    assert.deepEqual(found(links, { stored: heads, outside: heads }), []);
    const nonce = `${NONCE}01`;
    assert.equal(
      markText({ ...entry(1), atMs: 1, before: { b: 1, a: 2 } }, nonce),
      markText({ ...entry(1), atMs: 1, before: { a: 2, b: 1 } }, nonce),
    );
  });
  test("two fields never make one text", () => {
    assert.notEqual(linkText("", "1", entry(1, { who: "ab", action: "c" })), linkText("", "1", entry(1, { who: "a", action: "bc" })));
    assert.notEqual(linkText("", "1", entry(1, { approvedBy: "-" })), linkText("", "1", entry(1, { approvedBy: null })));
  });
  test("one entry changed is one finding, not all that follow", () => {
    for (const over of [{ reason: "x" }, { before: "null" }, { micros: "1" }, { mark: null }])
      assert.deepEqual(found(links.map((one) => (one.n === "3" ? { ...one, entry: entry(3, over) } : one))), ["altered 3"]);
  });
  test("an entry that we did not write is inserted, even where the chain fits", () => {
    assert.deepEqual(found(chain([...entries, entry(6, { mark: null })])), ["inserted 6"]);
    assert.deepEqual(found(chain([...entries, { ...entry(2), id: "999" }])), ["inserted 6"]);
    assert.deepEqual(found(links, { loose: [entry(9, { mark: null })] }), ["inserted -"]);
  });
  test("one that is gone is deleted, with or without its link; two that were exchanged are reordered", () => {
    assert.deepEqual(found(links.filter((one) => one.n !== "3")), ["deleted 3"]);
    assert.deepEqual(found(links.filter((one) => one.n !== "1")), ["deleted 1"]);
    assert.deepEqual(found(links.map((one) => (one.n === "3" ? { ...one, entry: null } : one))), ["deleted 3"]);
    const exchanged = links.map((one) => ({ ...one, entry: entries[{ "2": 3, "4": 1 }[one.n] ?? Number(one.n) - 1] ?? null }));
    assert.deepEqual(found(exchanged), ["reordered 2", "reordered 4"]);
  });
  test("all made anew: the heads say from where", () => {
    const anew = chain([...entries.slice(0, 2), ...entries.slice(3), entry(6)]);
    assert.deepEqual(found(anew, { stored: heads, outside: heads }), ["rewritten 3-5"]);
  });
  test("a shorter chain: cut off where the database knows more, an old copy where only the file outside does", () => {
    assert.deepEqual(found(links.slice(0, 3), { stored: heads, outside: heads }), ["truncated 4-5"]);
    assert.deepEqual(found(links.slice(0, 3), { stored: heads.slice(0, 1), outside: heads }), ["restored 4-5"]);
  });
});

test("lines of the file of heads that are no heads are none", () => {
  const [link] = chain([entry(1)]);
  assert.ok(link);
  assert.deepEqual(headOfLine(JSON.stringify(head(link))), head(link));
  for (const line of [
    "",
    "{",
    "[]",
    "null",
    '{"about":"x"}',
    JSON.stringify({ ...head(link), n: "-1" }),
    JSON.stringify({ ...head(link), hash: "x" }),
  ])
    assert.equal(headOfLine(line), undefined, line);
});

test("every kind is told in both languages", () => {
  for (const kind of TAMPERINGS)
    for (const more of [{}, { to: "9" }, { entry: "7" }]) {
      const { zh, en } = findingTexts({ kind, n: "3", ...more });
      assert.ok(zh.includes("3") && en.includes("3"), zh);
    }
});
