/**
 * The faults of a simulated partner: what is set, what it hits, and when it is used up.
 * Several different faults may be at work together (a slow one that drops its reply); the same one set again replaces itself.
 */

export const FAULTS = ["refuse", "hang", "drop-reply", "503", "slow", "reject", "garble", "duplicate", "gbk", "defer"] as const;
export type FaultName = (typeof FAULTS)[number];
const SCOPES = ["write-back", "inquiry", "ping"] as const;
export type Scope = (typeof SCOPES)[number];

export interface FaultOrder {
  readonly fault: FaultName;
  /** How many requests (refuse: connections) it hits; absent = until cleared or over. */
  readonly count?: number;
  /** slow: delay before the work · hang: when the silent connection is cut (absent: never) · defer: when the work is done · all others: how long the fault lasts. */
  readonly ms?: number;
  /** Only requests for bills like this (`*` stands for anything). */
  readonly bill?: string;
  /** Only this kind of write-back. */
  readonly kind?: string;
  /** Which requests: write-back, inquiry, ping or all. Default: a counted fault hits write-backs only, so that a probe does not use it up; an uncounted hang, 503, slow, garble or gbk hits all. */
  readonly on?: Scope | "all";
  /** hang: "work" does the work first. */
  readonly after?: "work";
  /** reject: the code (default E101) and its text. */
  readonly code?: string;
  readonly text?: string;
  /** duplicate: "already-done" (default: code 1 to a first request), "fields" (every field twice) or "answer" (the whole answer twice). */
  readonly how?: "already-done" | "fields" | "answer";
  /** defer: how the outcome is told later, where the hospital was told where to (`answers`). Default: once. `early`: before "taken" is answered. */
  readonly ack?: "once" | "twice" | "early" | "other-amount" | "other-key" | "reject" | "none";
  /** defer: on which of the ways set (default: the last one set). */
  readonly by?: "callback" | "message";
  /** defer: how long after the work it is told. */
  readonly ackMs?: number;
}

export interface Target {
  readonly scope: Scope;
  readonly bill: string | null;
  readonly kind: string | null;
}

export type Plan = Partial<Record<FaultName, FaultOrder>>;

export interface Faults {
  /** Sets a fault; null, or what is wrong with the order. */
  set(order: unknown): string | null;
  clear(): void;
  /** What hits this request, with their counts used up. hang before work, and else 503, come alone: nothing later is reached. */
  plan(target: Target): Plan;
  /** The refuse fault when it is at work, without using it up. */
  refusing(): FaultOrder | null;
  /** True when this connection is to be reset; uses up one count. */
  resetConnection(): boolean;
  state(): (FaultOrder & { left?: number; hits: number })[];
}

interface Active {
  readonly order: FaultOrder;
  readonly scopes: readonly Scope[];
  readonly bill: RegExp | null;
  readonly until: number | null;
  left: number | null;
  hits: number;
}

const DELAYS: readonly FaultName[] = ["slow", "hang", "defer"];
const EVERYWHERE: readonly FaultName[] = ["hang", "503", "slow", "garble", "gbk"];
const FIELDS: Record<keyof FaultOrder, (value: unknown) => boolean> = {
  fault: (value) => FAULTS.includes(value as FaultName),
  count: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  ms: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  bill: (value) => typeof value === "string" && value !== "",
  kind: (value) => typeof value === "string" && value !== "",
  on: (value) => value === "all" || SCOPES.includes(value as Scope),
  after: (value) => value === "work",
  code: (value) => typeof value === "string" && /^[A-Z0-9]{1,10}$/.test(value),
  text: (value) => typeof value === "string",
  ack: (value) => ["once", "twice", "early", "other-amount", "other-key", "reject", "none"].includes(value as string),
  by: (value) => value === "callback" || value === "message",
  ackMs: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  how: (value) => value === "already-done" || value === "fields" || value === "answer",
};

/** An empty table of faults. `monotonic` is milliseconds that never run backwards: a set clock must not end a fault. */
export function createFaults(monotonic: () => number): Faults {
  const table = new Map<string, Active>();

  function live(name: FaultName): Active[] {
    const now = monotonic();
    const found: Active[] = [];
    for (const [id, active] of table) {
      if (active.until !== null && active.until <= now) table.delete(id);
      else if (active.order.fault === name && active.left !== 0) found.push(active);
    }
    return found;
  }

  function use(active: Active): FaultOrder {
    active.hits += 1;
    if (active.left !== null) active.left -= 1;
    return active.order;
  }

  const hits = (active: Active, target: Target): boolean =>
    active.scopes.includes(target.scope) &&
    (active.bill === null || (target.bill !== null && active.bill.test(target.bill))) &&
    (active.order.kind === undefined || active.order.kind === target.kind);

  return {
    set(value) {
      const order = checkOrder(value);
      if (typeof order === "string") return order;
      const lasts = order.ms !== undefined && !DELAYS.includes(order.fault);
      table.set(`${order.fault} ${order.bill ?? ""} ${order.kind ?? ""}`, {
        order,
        scopes: scopesOf(order),
        bill: order.bill === undefined ? null : new RegExp(`^${order.bill.split("*").map(escapeRegExp).join(".*")}$`),
        until: lasts ? monotonic() + (order.ms ?? 0) : null,
        left: order.count ?? null,
        hits: 0,
      });
      return null;
    },
    clear: () => table.clear(),
    plan(target) {
      const find = (name: FaultName): Active | undefined => live(name).find((active) => hits(active, target));
      const hang = find("hang");
      if (hang !== undefined && hang.order.after === undefined) return { hang: use(hang) };
      const unavailable = find("503");
      if (unavailable !== undefined) return { "503": use(unavailable) };
      const plan: Plan = {};
      if (hang !== undefined) plan.hang = use(hang);
      for (const name of ["slow", "reject", "defer", "drop-reply", "garble", "duplicate", "gbk"] as const) {
        const active = find(name);
        if (active !== undefined) plan[name] = use(active);
      }
      return plan;
    },
    refusing: () => live("refuse")[0]?.order ?? null,
    resetConnection() {
      const active = live("refuse")[0];
      if (active === undefined) return false;
      use(active);
      return true;
    },
    state() {
      for (const name of FAULTS) live(name);
      return [...table.values()].map((active) => ({
        ...active.order,
        ...(active.left === null ? {} : { left: active.left }),
        hits: active.hits,
      }));
    },
  };
}

function checkOrder(value: unknown): FaultOrder | string {
  if (typeof value !== "object" || value === null) return "a fault is an object";
  for (const [name, field] of Object.entries(value)) {
    if (!Object.hasOwn(FIELDS, name)) return `unknown field ${name}; known: ${Object.keys(FIELDS).join(", ")}`;
    const good = FIELDS[name as keyof FaultOrder];
    if (!good(field)) return name === "fault" ? `unknown fault; known: ${FAULTS.join(", ")}, none` : `bad value of ${name}`;
  }
  const order = value as FaultOrder;
  if (order.fault === undefined) return "fault is missing";
  if (order.fault === "slow" && order.ms === undefined) return "slow needs ms";
  return order;
}

function scopesOf(order: FaultOrder): readonly Scope[] {
  if (order.on === "all") return SCOPES;
  if (order.on !== undefined) return [order.on];
  const narrowed = order.count !== undefined || order.bill !== undefined || order.kind !== undefined;
  return !narrowed && EVERYWHERE.includes(order.fault) ? SCOPES : ["write-back"];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
