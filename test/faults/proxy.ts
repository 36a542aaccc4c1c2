/**
 * A TCP proxy that misbehaves on command, between the engine and one of its peers: refuse, hang, half-open (bytes vanish, nobody is told), one way or both, reset or end after
 * so many bytes or at a pattern, one byte at a time, late, with a bit flipped. The kernel of this machine has no netem, and a rule of the firewall knows no messages.
 */
import { createServer, type Server, type Socket, connect } from "node:net";

/** `up`: from the engine to its peer. */
export type Direction = "up" | "down" | "both";

export type Mode =
  | { readonly kind: "pass" }
  /** New connections are reset, old ones cut. */
  | { readonly kind: "refuse" }
  /** New connections are accepted and never served; old ones go on. */
  | { readonly kind: "hang" }
  /** Bytes vanish without a reset or an end: a cable pulled. */
  | { readonly kind: "drop"; readonly direction: Direction }
  | { readonly kind: "delay"; readonly ms: number; readonly direction: Direction }
  /** One byte every `ms`. */
  | { readonly kind: "trickle"; readonly ms: number; readonly direction: Direction }
  /** After so many bytes of a connection: reset it, or end it as if all had been said. Counted anew for every connection, `times` connections. */
  | { readonly kind: "cut"; readonly bytes: number; readonly direction: Direction; readonly how: "reset" | "end"; readonly times: number }
  /** Passes everything up to and with the pattern, then resets: the command arrives, its answer never does. `skip` matches are let go first. */
  | {
      readonly kind: "cut-at";
      readonly pattern: Buffer;
      readonly times: number;
      readonly skip: number;
      readonly after: "chunk" | "before-reply";
    }
  /** One bit of the byte at this offset of each connection. */
  | { readonly kind: "flip"; readonly at: number; readonly bit: number; readonly direction: Direction; readonly times: number };

export interface Wire {
  readonly port: number;
  set(mode: Mode): void;
  /** Resets every connection that is open now. Answers how many. */
  reset(): number;
  /** How often a mode struck since it was set. */
  struck(): number;
  open(): number;
  /** Connections accepted since the start. */
  opened(): number;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly seen: Record<"up" | "down", number>;
  /** When the last trickling byte leaves. */
  readonly trickleAt: Record<"up" | "down", number>;
  /** Cut before anything more comes back. */
  doomed: boolean;
  readonly timers: Set<NodeJS.Timeout>;
}

const hits = (direction: Direction, way: "up" | "down"): boolean => direction === "both" || direction === way;

/** Resets a connection. One that is ending already is closed: a reset under a pending shutdown leaves a request behind that Node 24's thread never gets rid of (it spins at exit). */
function cut(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Opens a proxy on a free loopback port. */
export async function openProxy(target: { readonly host: string; readonly port: number }): Promise<Wire> {
  const pairs = new Set<Pair>();
  let mode: Mode = { kind: "pass" };
  let struck = 0;
  let left = 0;
  let skip = 0;

  const end = (pair: Pair, how: "reset" | "end"): void => {
    pairs.delete(pair);
    for (const timer of pair.timers) clearTimeout(timer);
    for (const socket of [pair.near, pair.far]) {
      if (how === "reset") cut(socket);
      else socket.end();
    }
  };
  const write = (to: Socket, from: Socket, bytes: Buffer): void => {
    if (to.destroyed || to.writableEnded) return;
    if (to.write(bytes)) return;
    from.pause();
    to.once("drain", () => from.resume());
  };
  const later = (pair: Pair, ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      pair.timers.delete(timer);
      work();
    }, ms);
    pair.timers.add(timer);
  };
  const strike = (): boolean => {
    if (left <= 0) return false;
    left -= 1;
    struck += 1;
    return true;
  };
  const cutAt = (pair: Pair, now: Extract<Mode, { kind: "cut-at" }>, to: Socket, from: Socket, bytes: Buffer): void => {
    write(to, from, bytes);
    if (bytes.indexOf(now.pattern) < 0) return;
    if (skip > 0) {
      skip -= 1;
      return;
    }
    if (!strike()) return;
    if (now.after === "before-reply") pair.doomed = true;
    else end(pair, "reset");
  };
  const feed = (pair: Pair, way: "up" | "down", given: Buffer): void => {
    const [from, to] = way === "up" ? [pair.near, pair.far] : [pair.far, pair.near];
    const before = pair.seen[way];
    pair.seen[way] += given.length;
    const now = mode;
    if (pair.doomed && way === "down") end(pair, "reset");
    else if (now.kind === "cut-at" && way === "up") cutAt(pair, now, to, from, given);
    else if (!("direction" in now) || !hits(now.direction, way)) write(to, from, given);
    else if (now.kind === "drop") struck += 1;
    else if (now.kind === "delay") later(pair, now.ms, () => write(to, from, given));
    else if (now.kind === "trickle") trickle(pair, way, now.ms, given);
    else if (now.kind === "flip") flip(now, before, given, (bytes) => write(to, from, bytes));
    else cutAfter(pair, now, before, given, (bytes) => write(to, from, bytes));
  };
  const trickle = (pair: Pair, way: "up" | "down", ms: number, given: Buffer): void => {
    struck += 1;
    const to = way === "up" ? pair.far : pair.near;
    const from = way === "up" ? pair.near : pair.far;
    for (const byte of given) {
      pair.trickleAt[way] = Math.max(pair.trickleAt[way], performance.now()) + ms;
      later(pair, pair.trickleAt[way] - performance.now(), () => write(to, from, Buffer.from([byte])));
    }
  };
  const flip = (now: Extract<Mode, { kind: "flip" }>, before: number, given: Buffer, pass: (bytes: Buffer) => void): void => {
    const at = now.at - before;
    if (at < 0 || at >= given.length || !strike()) {
      pass(given);
      return;
    }
    const changed = Buffer.from(given);
    changed[at] = (changed[at] ?? 0) ^ (1 << now.bit);
    pass(changed);
  };
  const cutAfter = (
    pair: Pair,
    now: Extract<Mode, { kind: "cut" }>,
    before: number,
    given: Buffer,
    pass: (bytes: Buffer) => void,
  ): void => {
    if (before + given.length < now.bytes || left <= 0) {
      pass(given);
      return;
    }
    pass(given.subarray(0, Math.max(0, now.bytes - before)));
    if (strike()) setImmediate(() => end(pair, now.how));
  };

  let accepted = 0;
  const accept = (near: Socket): void => {
    accepted += 1;
    all.add(near);
    near.once("close", () => all.delete(near));
    near.setNoDelay(true);
    near.on("error", () => undefined); // a peer that resets is what this is for
    if (mode.kind === "refuse") return void cut(near);
    if (mode.kind === "hang") {
      struck += 1;
      hung.add(near);
      near.once("close", () => hung.delete(near));
      return;
    }
    const far = connect(target.port, target.host);
    far.setNoDelay(true);
    const pair: Pair = { near, far, seen: { up: 0, down: 0 }, trickleAt: { up: 0, down: 0 }, doomed: false, timers: new Set() };
    pairs.add(pair);
    near.on("data", (bytes: Buffer) => feed(pair, "up", bytes));
    far.on("data", (bytes: Buffer) => feed(pair, "down", bytes));
    // While bytes vanish, ends vanish too.
    const silent = (way: "up" | "down"): boolean => mode.kind === "drop" && hits(mode.direction, way);
    near.on("end", () => silent("up") || far.end());
    far.on("end", () => silent("down") || near.end());
    near.on("close", () => {
      if (!silent("up")) far.destroy();
      if (far.destroyed) pairs.delete(pair);
    });
    far.on("close", () => {
      if (!silent("down")) near.destroy();
      if (near.destroyed) pairs.delete(pair);
    });
    far.on("error", () => (silent("down") ? undefined : cut(near)));
  };
  const hung = new Set<Socket>();
  const all = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const reset = (): number => {
    const count = pairs.size + hung.size;
    for (const pair of [...pairs]) end(pair, "reset");
    for (const socket of hung) cut(socket);
    hung.clear();
    return count;
  };
  return {
    port,
    set(next) {
      const was = mode;
      mode = next;
      struck = 0;
      left = "times" in next ? next.times : 0;
      skip = "skip" in next ? next.skip : 0;
      if (next.kind === "refuse") reset();
      // What vanished for a while never comes back: the connection is dead, whoever has not noticed.
      if (was.kind === "drop" || was.kind === "hang" || was.kind === "trickle") reset();
    },
    reset,
    struck: () => struck,
    open: () => pairs.size,
    opened: () => accepted,
    close: async () => {
      reset();
      for (const socket of all) socket.destroy(); // also those that were ended and wait for the other side
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
