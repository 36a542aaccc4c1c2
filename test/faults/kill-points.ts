/** Kill points, taken from the code itself: every `failpoint("…")` outside tests. Nobody keeps a list, so that none is forgotten. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withoutComments } from "../architecture/rules.ts";

const SOURCES = ["{domain,platform,nodes,console,adapters,bin}/**/*.ts", "settings.ts"];
const CALL = /\bfailpoint\(\s*([^)]*?)\s*\)/g;
const NAME = /^["']([a-z0-9-]+(?:\.[a-z0-9-]+)+)["']$/;

export interface KillPoint {
  readonly name: string;
  readonly file: string;
}

/** The same step on several paths of one file is one point. Throws when a call names no literal, or a name stands in two files: they could not be told apart in a report. */
export function killPointsOf(sources: readonly { readonly path: string; readonly text: string }[]): KillPoint[] {
  const points = new Map<string, KillPoint>();
  for (const { path, text } of sources) {
    for (const [, given = ""] of withoutComments(text).matchAll(CALL)) {
      if (/^name: string$/.test(given)) continue; // the function itself
      const name = NAME.exec(given)?.[1];
      if (name === undefined) throw new Error(`${path}: failpoint(${given}) does not name a literal <area>.<point>`);
      const known = points.get(name);
      if (known !== undefined && known.file !== path) throw new Error(`the failpoint ${name} stands in ${known.file} and in ${path}`);
      points.set(name, { name, file: path });
    }
  }
  return [...points.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Points that no flow of the shipped ones leads to: a test of their own kills there. */
export const HIT_ELSEWHERE: readonly { readonly name: string; readonly test: string }[] = [
  { name: "file-courier.before-write", test: "test/faults/file-courier.test.ts" },
  { name: "file-courier.after-write", test: "test/faults/file-courier.test.ts" },
];

/** Those that a fault run must hit; `all`: those of HIT_ELSEWHERE, too. */
export function enumerateKillPoints(root: string, which: "run" | "all" = "run"): KillPoint[] {
  const files = globSync(SOURCES, { cwd: root, exclude: (name) => name === "node_modules" }).filter((file) => !file.endsWith(".test.ts"));
  const points = killPointsOf(files.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })));
  return which === "all" ? points : points.filter(({ name }) => !HIT_ELSEWHERE.some((one) => one.name === name));
}

/** P1–P18 of reference/reliability.md section 6 → the failpoints that are those instants; a reason where there is none. */
export const MATRIX: Readonly<Record<string, { readonly what: string; readonly points: readonly string[]; readonly missing?: string }>> = {
  P1: { what: "bytes read, not journaled", points: ["amqp-door.before-journal", "http-door.before-journal"] },
  P2: { what: "in transaction, before COMMIT", points: ["journal.before-commit", "postgres.before-commit"] },
  P3: { what: "committed, before ack", points: ["postgres.after-commit", "amqp-door.before-ack", "http-door.before-answer"] },
  P4: { what: "acked, before relay picks up", points: ["rabbit.after-ack", "settle.after-commit"] },
  P5: { what: "published, before confirm", points: ["rabbit.after-publish"] },
  P6: { what: "confirmed, before outbox mark", points: ["relay.after-confirm", "outbox.before-mark"] },
  P7: { what: "delivered, before dedupe insert", points: ["journal.before-identities"] },
  P8: { what: "business commit, before AMQP ack", points: ["amqp-door.before-ack", "rabbit.before-ack"] },
  P9: { what: "intent journaled, before outbound send", points: ["claim.after-commit", "write-back.before-send", "courier.before-write"] },
  P10: { what: "sent, before reply", points: ["courier.after-write"] },
  P11: { what: "reply in, before journaled", points: ["write-back.after-call", "attempt.before-commit"] },
  P12: { what: "journaled, before ack", points: ["attempt.after-commit"] },
  P13: {
    what: "in reversal",
    points: [],
    missing: "reversals of our own (insurance, channel) come with issues 5 and 6; a reversal told by a partner passes P1–P12",
  },
  P14: { what: "mid reconciliation file", points: [], missing: "reconciliation comes with a later issue" },
  P15: {
    what: "SFTP written, before rename",
    points: [],
    missing: "no flow writes files yet: test/faults/file-courier.test.ts kills there",
  },
  P16: { what: "renamed, before journaled", points: ["file-door.after-journal"] },
  P17: { what: "Node-RED redeploy with work in flight", points: ["flows.before-pause", "flows.before-resume"] },
  P18: { what: "during schema migration", points: ["migrate.before-commit", "migrate.after-commit"] },
};
