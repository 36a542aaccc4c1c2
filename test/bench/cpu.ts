/** What processes have used, from /proc: CPU of a process with everything it started, and memory. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc (USER_HZ is 100 on every Linux that Node runs on). */
const TICKS_PER_SECOND = 100;
const MICROSECONDS_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended between the listing and the reading; its ticks are with its parent
  }
}

/** Own time and that of children it has waited for. */
function statOf(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === "") return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [parent, ...times] = [fields[1], fields[11], fields[12], fields[13], fields[14]].map(Number);
  return { parent: parent ?? 0, ticks: times.reduce((sum, one) => sum + one, 0) };
}

/** CPU microseconds used so far by each named process and all its descendants, dead ones included. */
export function cpuOf(pids: Readonly<Record<string, number>>): Record<string, number> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  const children = Map.groupBy(stats.keys(), (pid) => stats.get(pid)?.parent ?? 0);
  const total = (pid: number): number =>
    (stats.get(pid)?.ticks ?? 0) + (children.get(pid) ?? []).reduce((sum, child) => sum + total(child), 0);
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, total(pid) * MICROSECONDS_PER_TICK]));
}

/** CPU microseconds used so far by a process's first thread: Node's JavaScript; its collector and compiler work beside it. */
export function mainThreadOf(pid: number): number {
  const text = read(`/proc/${pid}/task/${pid}/stat`);
  const [user, system] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * MICROSECONDS_PER_TICK;
}

/** PostgreSQL's processes by what they are for; the rest are sessions. */
const POSTGRES_PARTS: readonly (readonly [string, RegExp])[] = [
  ["WAL writer", /walwriter/],
  ["checkpoints and page writing", /checkpointer|background writer|io worker/],
];

/** Workers come and go: what one has used moves to the server itself when it ends. */
const POSTGRES_REST = "autovacuum, and what has ended";

/** CPU microseconds used so far by a PostgreSQL server, by part. */
export function postgresPartsOf(pid: number): Record<string, number> {
  const parts: Record<string, number> = {};
  let living = 0;
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat === undefined || stat.parent !== pid) continue;
    const title = read(`/proc/${name}/cmdline`);
    if (/autovacuum worker/.test(title)) continue;
    const part = POSTGRES_PARTS.find(([, titles]) => titles.test(title))?.[0] ?? "sessions";
    parts[part] = (parts[part] ?? 0) + stat.ticks * MICROSECONDS_PER_TICK;
    living += stat.ticks;
  }
  const all = cpuOf({ server: pid }).server ?? 0;
  return { ...parts, [POSTGRES_REST]: all - living * MICROSECONDS_PER_TICK };
}

/** What each used between two readings, microseconds. A process that is only in the later one started in between. */
export function cpuBetween(before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(now).map(([name, used]) => [name, used - (before[name] ?? 0)]));
}

/** Resident memory now, megabytes; 0 for a process that is not there. */
export function rssMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024;
}
