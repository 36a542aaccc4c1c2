import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusal } from "../refusals.ts";
import type { NodeRef } from "./engine.ts";
import { createLedger, type LedgerEnd, type OpenLedger, RefusedByEngine, reasonOfEnd } from "./ledger.ts";

/** Time that moves only when told. */
function fakeTime() {
  let now = 0;
  const due = new Map<number, { at: number; fn: () => void }>();
  let id = 0;
  return {
    after: (ms: number, fn: () => void) => {
      const mine = ++id;
      due.set(mine, { at: now + ms, fn });
      return () => due.delete(mine);
    },
    advance(ms: number) {
      const until = now + ms;
      for (;;) {
        const next = [...due].filter(([, one]) => one.at <= until).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
        if (next === undefined) break;
        due.delete(next[0]);
        now = next[1].at;
        next[1].fn();
      }
      now = until;
    },
    waiting: () => due.size,
  };
}

const node = (id: string, type = "change"): NodeRef => ({ id, type, flow: "f" });
const IN = node("in", "huiliu-message-in");

interface Bench {
  readonly ledger: OpenLedger;
  readonly ends: LedgerEnd[];
  readonly advance: (ms: number) => void;
  /** `from` sends one message to each of `to`: what the hooks say on one send. */
  readonly send: (from: NodeRef, ...to: NodeRef[]) => void;
  readonly done: (at: NodeRef, error?: unknown) => void;
  /** The call stack is empty: what waits for that runs. */
  readonly settle: () => void;
  readonly end: (at: NodeRef) => void;
  /** Sends on and is done. */
  readonly pass: Bench["send"];
  /** Ends the message and is done. */
  readonly finish: (at: NodeRef) => void;
}

function bench(deadlineMs = 60_000): Bench {
  const time = fakeTime();
  const soon: (() => void)[] = [];
  const ledger = createLedger({ after: time.after, soon: (fn) => soon.push(fn) });
  const settle = (): void => {
    for (const fn of soon.splice(0)) fn();
  };
  const ends: LedgerEnd[] = [];
  ledger.open("t", { node: IN, deadlineMs }, (end) => {
    ends.push(end);
    assert.equal(time.waiting(), 0, "timers are left behind");
  });
  const send: Bench["send"] = (from, ...to) => {
    ledger.sent("t", from);
    for (const one of to) ledger.entered("t", one);
  };
  const done: Bench["done"] = (at, error) => ledger.left("t", at, error);
  const end: Bench["end"] = (at) => ledger.ended("t", at);
  return {
    ledger,
    ends,
    settle,
    advance: (ms) => {
      settle();
      time.advance(ms);
    },
    send,
    done,
    end,
    pass: (from, ...to) => {
      send(from, ...to);
      done(from);
    },
    finish: (at) => {
      end(at);
      done(at);
    },
  };
}

const A = node("a");
const B = node("b");
const C = node("c");
const SINK = node("sink", "huiliu-write-back");
const DEBUG = node("debug", "debug");
const CATCH = node("catch", "catch");
const PARK = node("park", "huiliu-park");
const JOIN = node("join", "join");

/** Every row: what happens, how long we wait, how it ends. */
const ROWS: readonly {
  readonly what: string;
  readonly wait: number;
  readonly run: (b: Bench) => void;
  readonly end: LedgerEnd | "open";
}[] = [
  {
    what: "straight to an end: settled at once",
    wait: 0,
    run: (b) => {
      b.pass(IN, A);
      b.pass(A, SINK);
      b.finish(SINK);
    },
    end: { kind: "ended" },
  },
  { what: "the feeding node is unwired", wait: 2_000, run: (b) => b.done(IN), end: { kind: "dangled", node: IN, how: "kept" } },
  {
    what: "an unwired output dangles, but not before the grace is over",
    wait: 1_999,
    run: (b) => {
      b.pass(IN, A);
      b.done(A);
    },
    end: "open",
  },
  {
    what: "an unwired output dangles",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, A);
      b.done(A);
    },
    end: { kind: "dangled", node: A, how: "kept" },
  },
  {
    what: "one good branch does not hide a dangling one",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, SINK, A);
      b.finish(SINK);
      b.done(A);
    },
    end: { kind: "dangled", node: A, how: "kept" },
  },
  {
    what: "only a debug node kept it",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, DEBUG);
      b.done(DEBUG);
    },
    end: { kind: "dangled", node: DEBUG, how: "no-end" },
  },
  {
    what: "a debug side branch is neutral",
    wait: 0,
    run: (b) => {
      b.pass(IN, SINK, DEBUG);
      b.finish(SINK);
      b.done(DEBUG);
    },
    end: { kind: "ended" },
  },
  {
    what: "a node that fails",
    wait: 0,
    run: (b) => {
      b.pass(IN, A);
      b.done(A, new Error("boom"));
    },
    end: { kind: "threw", node: A, text: "boom" },
  },
  {
    what: "a failure beats a good branch, and the first failure is named",
    wait: 0,
    run: (b) => {
      b.pass(IN, A, B, SINK);
      b.done(A, "first");
      b.done(B, "second");
      b.finish(SINK);
    },
    end: { kind: "threw", node: A, text: "first" },
  },
  {
    what: "a failure caught and parked on purpose is a good end",
    wait: 0,
    run: (b) => {
      b.pass(IN, A);
      b.done(A, new Error("boom"));
      b.ledger.entered("t", CATCH);
      b.pass(CATCH, PARK);
      b.finish(PARK);
    },
    end: { kind: "ended" },
  },
  {
    what: "a failure caught and then only debugged is still a failure",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, A);
      b.done(A, new Error("boom"));
      b.ledger.entered("t", CATCH);
      b.pass(CATCH, DEBUG);
      b.done(DEBUG);
    },
    end: { kind: "threw", node: A, text: "boom" },
  },
  {
    what: "a delay touches zero and comes back within the grace",
    wait: 1_500,
    run: (b) => {
      b.pass(IN, A);
      b.done(A);
      b.advance(1_500);
      b.send(A, SINK);
      b.finish(SINK);
      b.settle();
    },
    end: { kind: "ended" },
  },
  {
    what: "split and join: one end for many",
    wait: 0,
    run: (b) => {
      b.pass(IN, A);
      for (let i = 0; i < 3; i++) b.pass(A, JOIN);
      b.done(JOIN);
      b.done(JOIN);
      b.pass(JOIN, SINK);
      b.finish(SINK);
    },
    end: { kind: "ended" },
  },
  {
    what: "a join that never joins dangles",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, JOIN);
      b.done(JOIN);
    },
    end: { kind: "dangled", node: JOIN, how: "kept" },
  },
  {
    what: "a node that loses one of three",
    wait: 2_000,
    run: (b) => {
      for (let i = 0; i < 3; i++) b.pass(IN, A);
      for (let i = 0; i < 2; i++) b.send(A, SINK);
      for (let i = 0; i < 3; i++) b.done(A);
      for (let i = 0; i < 2; i++) {
        b.finish(SINK);
      }
    },
    end: { kind: "dangled", node: A, how: "kept" },
  },
  {
    what: "done never called: the deadline names every holder",
    wait: 60_000,
    run: (b) => {
      b.pass(IN, A, C, SINK);
      b.finish(SINK);
    },
    end: { kind: "deadline", nodes: [A, C] },
  },
  {
    what: "done called twice does not free what another holds",
    wait: 2_000,
    run: (b) => {
      b.pass(IN, A, B);
      b.pass(A, SINK);
      b.done(A);
      b.finish(SINK);
    },
    end: "open",
  },
  {
    what: "parked on purpose while another node holds on: parked at the deadline with the reason given",
    wait: 60_000,
    run: (b) => {
      b.pass(IN, PARK, A);
      b.finish(PARK);
    },
    end: { kind: "ended" },
  },
  {
    what: "a token nobody opened is ignored",
    wait: 0,
    run: (b) => {
      b.ledger.entered("other", A);
      b.ledger.sent("other", A);
      b.ledger.ended("other", A);
      b.ledger.left("other", A, new Error("x"));
    },
    end: "open",
  },
];

describe("ledger of branches", () => {
  for (const row of ROWS)
    test(row.what, () => {
      const b = bench();
      row.run(b);
      b.settle();
      b.advance(row.wait);
      b.settle();
      assert.deepEqual(b.ends, row.end === "open" ? [] : [row.end]);
      assert.equal(b.ledger.live(), row.end === "open" ? 1 : 0);
      b.advance(120_000);
      assert.equal(b.ends.length, 1, "every delivery ends exactly once");
    });

  test("a dropped delivery never ends", () => {
    const b = bench();
    b.pass(IN, A);
    b.done(A);
    b.ledger.drop("t");
    b.advance(120_000);
    assert.deepEqual(b.ends, []);
    assert.equal(b.ledger.live(), 0);
  });

  test("the same token twice is refused", () => {
    const b = bench();
    assert.throws(() => b.ledger.open("t", { node: IN, deadlineMs: 1 }, () => undefined), /open already/);
  });

  test("an engine's refusal keeps its own code and problems, and gets the node", () => {
    const b = bench();
    const reason = refusal("UNKNOWN_MESSAGE", { zh: "x", en: "x" });
    b.done(IN, new RefusedByEngine(reason));
    b.advance(0);
    const end = b.ends[0];
    assert.ok(end);
    assert.deepEqual(reasonOfEnd(end), { ...reason, node: IN });
  });

  test("an error of another realm, a text, an object without a text", () => {
    for (const [error, text] of [
      [{ message: "vm" }, "vm"],
      ["word", "word"],
      [{}, "[object Object]"],
      [0, "0"],
    ] as const) {
      const b = bench();
      b.done(IN, error);
      b.settle();
      assert.deepEqual(b.ends, [{ kind: "threw", node: IN, text }]);
    }
  });

  test("every reason names the node and has both languages", () => {
    const ends: LedgerEnd[] = [
      { kind: "dangled", node: A, how: "kept" },
      { kind: "dangled", node: A, how: "no-end" },
      { kind: "threw", node: A, text: "boom" },
      { kind: "deadline", nodes: [A] },
    ];
    for (const end of ends) {
      const reason = reasonOfEnd(end);
      assert.deepEqual(reason?.node, A);
      assert.match(reason?.zh ?? "", /a/);
      assert.match(reason?.en ?? "", /a/);
    }
    assert.equal(reasonOfEnd({ kind: "ended" }), undefined);
  });

  test("cost: a hop is cheap (generous bound; the reference is 1 µs)", () => {
    const ledger = createLedger({ after: () => () => undefined, soon: (fn) => fn() });
    const chain = [IN, A, B, C, SINK];
    const run = (count: number): number => {
      const from = process.threadCpuUsage();
      for (let i = 0; i < count; i++) {
        const token = `t${i}`;
        ledger.open(token, { node: IN, deadlineMs: 1 }, () => undefined);
        for (let k = 1; k < chain.length; k++) {
          const source = chain[k - 1] as NodeRef;
          const at = chain[k] as NodeRef;
          ledger.sent(token, source);
          ledger.entered(token, at);
          ledger.left(token, source);
        }
        ledger.ended(token, SINK);
        ledger.left(token, SINK);
      }
      const { user, system } = process.threadCpuUsage(from);
      return (user + system) / count / chain.length;
    };
    run(5_000);
    const us = Math.min(run(5_000), run(5_000), run(5_000));
    assert.equal(ledger.live(), 0);
    assert.ok(us < 5, `a hop took ${us.toFixed(2)} µs`);
  });
});
