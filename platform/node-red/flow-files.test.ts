import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FOLDER, filesOf, folderOfLabel, foldersOf, joinFlows, SHARED, type StoredNode, textOfFlow, wrongFlow } from "./flow-files.ts";

const tab = (id: string, label: string): StoredNode => ({ id, type: "tab", label });

describe("folders of tabs", () => {
  for (const [label, folder] of [
    ["Payment Confirm", "payment-confirm"],
    ["医保结算", "flow-a1b2"],
    ["", "flow-a1b2"],
    ["../../etc/passwd", "etc-passwd"],
    ["..", "flow-a1b2"],
    ["a/b\\c:d\0e", "a-b-c-d-e"],
    [".git", "git"],
    ["_shared", "shared"],
    ["café ①", "cafe-1"],
    ["x".repeat(200), "x".repeat(48)],
  ] as const)
    test(`label ${JSON.stringify(label).slice(0, 30)} → ${folder.slice(0, 20)}`, () => {
      const made = folderOfLabel(label, "a1b2");
      assert.equal(made, folder);
      assert.match(made, FOLDER);
      assert.notEqual(made, SHARED);
    });

  test("an id that is a path trick gives no path", () => assert.match(folderOfLabel("", "../../x"), FOLDER));

  test("a tab keeps the folder it was read from when it is renamed; a new one with its name gets a number", () => {
    const folders = foldersOf([tab("2", "charges"), tab("1", "renamed")], new Map([["1", "charges"]]));
    assert.deepEqual([...folders].sort(), [
      ["1", "charges"],
      ["2", "charges-2"],
    ]);
  });

  test("a folder remembered wrongly is not used", () => {
    assert.equal(foldersOf([tab("1", "x")], new Map([["1", "../evil"]])).get("1"), "x");
  });
});

const FLOWS: readonly StoredNode[] = [
  tab("t2", "second"),
  tab("t1", "first"),
  { wires: [["b"]], y: 2, x: 1, z: "t1", type: "change", id: "a", rules: [{ to: "1", p: "x" }], name: "n" },
  { id: "b", type: "debug", z: "t1", x: 1, y: 2, wires: [] },
  { id: "c", type: "debug", z: "t2", x: 1, y: 2, wires: [] },
  { id: "cfg", type: "tls-config", name: "shared" },
  { id: "sub", type: "subflow", name: "s" },
  { id: "sub-n", type: "change", z: "sub", x: 1, y: 1, wires: [[]] },
];

describe("flows as files", () => {
  test("written and read again they are the same, tabs in their order", () => {
    const { files, folders } = filesOf(FLOWS, new Map());
    assert.deepEqual([...files.keys()].sort(), [SHARED, "first", "second"]);
    const read = joinFlows(new Map([...files].map(([folder, text]) => [folder, JSON.parse(text) as StoredNode[]])));
    const sorted = (nodes: readonly StoredNode[]) => [...nodes].sort((x, y) => (x.id < y.id ? -1 : 1));
    assert.deepEqual(sorted(read.flows), sorted(FLOWS));
    assert.deepEqual(
      read.flows.filter((node) => node.type === "tab").map((node) => node.id),
      ["t2", "t1"],
    );
    assert.deepEqual(read.folders, folders);
    assert.deepEqual(filesOf(read.flows, read.folders).files, files, "and written again, not a byte differs");
  });

  test("the order of nodes and keys in the editor does not matter", () => {
    const shuffled = [...FLOWS].reverse().map((node) => Object.fromEntries(Object.entries(node).reverse()) as StoredNode);
    const tabs = (nodes: readonly StoredNode[]) => nodes.filter((node) => node.type !== "tab");
    assert.equal(textOfFlow(tabs(shuffled)), textOfFlow(tabs(FLOWS)));
  });

  test("position and wires come last", () => {
    const keys = Object.keys((JSON.parse(filesOf(FLOWS, new Map()).files.get("first") ?? "[]") as object[])[1] ?? {});
    assert.deepEqual(keys, ["id", "type", "z", "name", "rules", "x", "y", "wires"]);
  });

  test("two files with a node of one id are refused, naming both", () => {
    assert.throws(
      () =>
        joinFlows(
          new Map([
            ["a", [tab("1", "a")]],
            ["b", [tab("1", "b")]],
          ]),
        ),
      /flows\/b and flows\/a/,
    );
  });

  for (const content of [{}, null, "x", [1], [{ id: "a" }], [{ id: 1, type: "tab" }]])
    test(`refused as a flow: ${JSON.stringify(content)}`, () => assert.notEqual(wrongFlow(content), undefined));
});

test("what could not be read again is not saved: a node twice, a label that is no text, a node without id", () => {
  const tab = { id: "t1", type: "tab", label: "a" };
  for (const [flows, why] of [
    [[tab, tab], /t1 is there twice/],
    [[{ id: "t1", type: "tab", label: 5 } as unknown as StoredNode], /label that is no text/],
    [[{ type: "tab" } as unknown as StoredNode], /no id/],
    [["x"] as unknown as StoredNode[], /no id/],
  ] as const)
    assert.throws(() => filesOf(flows, new Map()), why);
  assert.equal(filesOf([tab, { id: "__proto__", type: "tab", label: "收费" }], new Map()).files.size, 2);
});
