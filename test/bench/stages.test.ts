import assert from "node:assert/strict";
import { test } from "node:test";
import { type Profile, stagesOf } from "./stages.ts";

const node = (id: number, functionName: string, url: string, children: readonly number[] = []): Profile["nodes"][number] => ({
  id,
  callFrame: { functionName, url },
  children,
});

test("a sample belongs to the innermost file that has a stage; idle samples count for nothing", () => {
  const profile: Profile = {
    nodes: [
      node(1, "(root)", "", [2, 5, 6, 7]),
      node(2, "settle", "file:///x/platform/postgres/settle.ts", [3]),
      node(3, "query", "file:///x/node_modules/pg/lib/client.js", [4]),
      node(4, "writev", ""),
      node(5, "(idle)", ""),
      node(6, "(garbage collector)", ""),
      node(7, "tick", "node:internal/timers"),
    ],
    samples: [2, 4, 4, 5, 6, 7],
    timeDeltas: [100, 200, 100, 9_000, 50, 50],
  };
  assert.deepEqual(stagesOf(profile), { "PostgreSQL client": 0.6, settle: 0.2, "garbage collector": 0.1, "node itself": 0.1 });
});
