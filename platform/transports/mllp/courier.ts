/**
 * The one who sends over MLLP: one frame out, one acknowledgement in, on a connection of a pool per address. `unsent` only while nothing of the frame has been handed to the
 * system; from then on whatever is no whole acknowledgement is `no-reply`. Never retries. Which message an acknowledgement is for says MSA-2, and the mapping compares it.
 */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { failpoint } from "../../../domain/failpoint.ts";
import { headerOf } from "../../../domain/mapping/hl7-header.ts";
import type { CallRequest, CallResult, Courier } from "../../../domain/writeback/ports.ts";
import { COMMIT_ACK, createDeframer, framed, isUnframable } from "./framing.ts";

/** PEM texts; read from the profile's files by the composition root. */
export interface MllpCourierTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

export interface MllpCourierDeps {
  /** TLS of an address (`mllps://lis.example:2576`); absent: the system's authorities, no client certificate. */
  readonly tls?: (origin: string) => MllpCourierTls | undefined;
}

/** The registered port of MLLP. */
const MLLP_PORT = 2_575;
/** How long a connection that is done is kept for the next message. */
const KEEP_MS = 15_000;
/** Connections kept at one address; further ones are closed when they are done. */
const KEPT_MAX = 64;
/** What a whole, readable reply is told as: MLLP has no status of its own. */
const STATUS = 200;

/** A request that waits for both acknowledgements of enhanced mode: MSH-16 says so. */
const wantsApplication = (body: Uint8Array): boolean => {
  const asked = headerOf(body)?.applicationAck ?? "";
  return asked !== "" && asked !== "NE";
};

/** An accept acknowledgement that says "stored". */
const STORED = /(?:^|[\r\n])MSA.CA/;

function open(url: URL, tls: MllpCourierTls | undefined): { readonly socket: Socket; readonly event: "connect" | "secureConnect" } {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const to = { host, port: url.port === "" ? MLLP_PORT : Number(url.port) };
  if (url.protocol === "mllp:") return { socket: connect(to), event: "connect" };
  const options: ConnectionOptions = {
    ...to,
    minVersion: "TLSv1.2",
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
  };
  const name = tls?.serverName ?? (isIP(host) === 0 ? host : undefined);
  return { socket: connectTls({ ...options, ...(name === undefined ? {} : { servername: name }) }), event: "secureConnect" };
}

/** One call over one connection. Settles exactly once. */
function exchange(
  socket: Socket,
  event: "connect" | "secureConnect" | undefined,
  request: CallRequest,
  body: Uint8Array,
): Promise<CallResult> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const deframer = createDeframer(request.replyBytesMax);
    const both = wantsApplication(body);
    let began = false;
    let over = false;
    let commit: Buffer | undefined;

    const finish = (result: (ms: number) => CallResult, reusable = false): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", aborted);
      socket.removeListener("data", received);
      socket.removeListener("error", failed);
      socket.removeListener("close", closed);
      socket.on("error", () => undefined); // told already, or nobody's call
      if (!reusable) socket.destroy();
      resolve(result(Math.round(performance.now() - startedAt)));
    };
    const reply = (bytes: Buffer, reusable: boolean): void =>
      finish((ms) => ({ kind: "reply", status: STATUS, body: new Uint8Array(bytes), ms }), reusable);
    const fail = (why: string): void => {
      // Stored by the receiver, though its application has not answered: that is what we know, and the contract says what it means.
      if (commit) reply(commit, false);
      else finish((ms) => ({ kind: began ? "no-reply" : "unsent", why, ms }));
    };
    const aborted = (): void => fail("aborted");
    const failed = (error: Error): void => fail(error.message || ("code" in error ? String(error.code) : error.name));
    const closed = (): void => fail("the connection was closed");
    const received = (chunk: Buffer): void => {
      for (const piece of deframer.push(chunk)) {
        if (over) return;
        if (piece.kind === "broken") {
          fail(`the reply is no frame: ${piece.why}`);
          return;
        }
        // Release 2 of MLLP says "stored" in a frame of its own; the acknowledgement proper follows.
        if (piece.bytes.length === 1 && piece.bytes[0] === COMMIT_ACK) continue;
        failpoint("mllp-courier.before-reply");
        // CA says "stored": the application's answer follows. CE and CR say that none will.
        if (both && commit === undefined && STORED.test(piece.bytes.toString("latin1"))) commit = piece.bytes;
        else reply(piece.bytes, !deframer.open());
      }
    };
    const send = (): void => {
      if (over) return;
      // A process that was frozen wakes up with its connection first and its timers after: by now the lease may be another worker's.
      if (performance.now() - startedAt > request.connectTimeoutMs) {
        fail(`no connection within ${request.connectTimeoutMs} ms`);
        return;
      }
      began = true;
      failpoint("mllp-courier.before-write");
      clearTimeout(timer);
      timer = setTimeout(() => fail(`no whole reply within ${request.replyTimeoutMs} ms`), request.replyTimeoutMs);
      socket.write(framed(body), () => failpoint("mllp-courier.after-write"));
    };
    let timer = setTimeout(() => fail(`no connection within ${request.connectTimeoutMs} ms`), request.connectTimeoutMs);
    request.signal?.addEventListener("abort", aborted, { once: true });
    socket.on("data", received);
    socket.on("error", failed);
    socket.on("close", closed);
    if (request.signal?.aborted) aborted();
    else if (event === undefined) send();
    else socket.once(event, send);
  });
}

export function createMllpCourier(deps: MllpCourierDeps = {}): Courier {
  const kept = new Map<string, Socket[]>();
  const busy = new Set<Socket>();
  let over = false;

  const keep = (address: string, socket: Socket): void => {
    const idle = kept.get(address) ?? [];
    if (over || socket.destroyed || !socket.writable || idle.length >= KEPT_MAX) {
      socket.destroy();
      return;
    }
    const drop = (): void => {
      const now = kept.get(address) ?? [];
      const at = now.indexOf(socket);
      if (at >= 0) now.splice(at, 1);
      socket.destroy();
    };
    // Whatever comes now belongs to no call of ours.
    for (const event of ["data", "end", "close"] as const) socket.once(event, drop);
    socket.setTimeout(KEEP_MS, drop);
    socket.unref();
    idle.push(socket);
    kept.set(address, idle);
  };
  const take = (address: string): Socket | undefined => {
    for (let socket = kept.get(address)?.pop(); socket; socket = kept.get(address)?.pop()) {
      socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close");
      socket.setTimeout(0).removeAllListeners("timeout").removeAllListeners("error");
      if (socket.destroyed || !socket.writable || socket.readableEnded) socket.destroy();
      else return socket.ref();
    }
    return undefined;
  };

  return {
    call: async (request) => {
      const unsent = (why: string): CallResult => ({ kind: "unsent", why, ms: 0 });
      if (over) return unsent("the courier is closed");
      if (!URL.canParse(request.url)) return unsent("not an address");
      const { body } = request;
      if (body === undefined || body.length === 0) return unsent("MLLP has nothing to send without a message");
      if (isUnframable(body)) return unsent("the message holds a byte of the frame");
      const url = new URL(request.url);
      const origin = `${url.protocol}//${url.host}`;
      const tls = deps.tls?.(origin);
      // Another certificate is another connection.
      const address = `${origin} ${tls?.cert ?? ""} ${tls?.ca ?? ""}`;
      const old = take(address);
      let made: { readonly socket: Socket; readonly event: "connect" | "secureConnect" } | undefined;
      try {
        made = old === undefined ? open(url, tls) : undefined;
      } catch (error) {
        return unsent(error instanceof Error ? error.message : String(error));
      }
      const socket = old ?? made?.socket;
      if (socket === undefined) return unsent("no connection");
      socket.setNoDelay(true);
      busy.add(socket);
      const result = await exchange(socket, made?.event, request, body);
      busy.delete(socket);
      if (result.kind === "reply" && !socket.destroyed) keep(address, socket);
      return result;
    },
    close: async () => {
      over = true;
      for (const socket of [...busy, ...[...kept.values()].flat()]) socket.destroy();
      kept.clear();
    },
  };
}
