/**
 * The MLLP door of one partner: HL7 v2 in frames, many messages on a connection, each journaled before it is acknowledged. Who may speak for the partner is proved by the
 * address it comes from and, where the profile says so, its certificate; MSH-3 must then agree. Nothing is decoded here but MSH.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import type { Intake } from "../../../domain/journal/intake.ts";
import type { Log } from "../../../domain/log.ts";
import { allowedFrom } from "../addresses.ts";
import { createAnswerer, type AnswererOptions } from "./answerer.ts";
import { openConnection, type MllpConnection } from "./connection.ts";

/** PEM texts. */
export interface MllpTls {
  readonly cert: string;
  readonly key: string;
  /** Present: a client certificate of this authority is demanded. */
  readonly ca?: string;
  /** Common names that it may bear. */
  readonly names?: readonly string[];
}

export interface MllpDoorOptions extends Omit<AnswererOptions, "intake" | "log"> {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly shared?: boolean;
  readonly from: readonly string[];
  readonly tls?: MllpTls;
  readonly frameMs: number;
  readonly idleMs: number;
  readonly connectionsMax: number;
  readonly unansweredMax: number;
  readonly intake: Intake;
  readonly log: Log;
}

export interface MllpDoor {
  /** `mllp://host:port`, `mllps://…` with TLS. */
  readonly address: string;
  /** Takes nothing new; what is under way is journaled and answered, at most `STOP_MS`. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

/** A TLS handshake that takes longer is none. */
const HANDSHAKE_MS = 10_000;
/** How long a stop waits for answers. */
const STOP_MS = 3_000;
/** Connections the system queues before we accept them. */
const BACKLOG = 128;

const nameOf = (socket: Socket): string | undefined => {
  if (!(socket instanceof TLSSocket)) return undefined;
  const name = socket.getPeerCertificate().subject?.CN;
  return typeof name === "string" ? name : name?.[0];
};

/** Opens the door. Rejects when the port is not to be had, or the profile names what is no address or certificate. */
export async function openMllpDoor(options: MllpDoorOptions): Promise<MllpDoor> {
  const { partner, tls, log, intake } = options;
  const allowed = allowedFrom(options.from);
  const answerer = createAnswerer({ ...options, intake, log });
  const open = new Set<MllpConnection>();
  let paused = false;

  const turnAway = (socket: Socket, why: string): void => {
    log.warn({ partner, from: socket.remoteAddress, why }, "an MLLP connection is turned away");
    socket.destroy();
  };
  const accept = (socket: Socket): void => {
    if (paused) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    if (tls?.names && !tls.names.includes(name ?? "")) {
      turnAway(socket, `certificate ${name ?? "without a name"}`);
      return;
    }
    const connection = openConnection({
      socket,
      partner,
      frameMs: options.frameMs,
      idleMs: options.idleMs,
      unansweredMax: options.unansweredMax,
      bytesMax: () => intake.policy(partner)?.bytesMax ?? 0,
      answerer,
      log,
      closed: () => open.delete(connection),
    });
    open.add(connection);
  };
  const checked = (socket: Socket): void => {
    if (!allowed.has(socket.remoteAddress)) turnAway(socket, "its address is not in the profile");
    else if (!tls) accept(socket);
  };

  const server: Server = tls
    ? createTlsServer({
        cert: tls.cert,
        key: tls.key,
        minVersion: "TLSv1.2",
        handshakeTimeout: HANDSHAKE_MS,
        allowHalfOpen: true,
        ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
      })
    : createServer({ allowHalfOpen: true }); // a sender that has closed its side still waits for its answers
  server.maxConnections = options.connectionsMax;
  server.on("connection", checked);
  server.on("secureConnection", accept);
  server.on("tlsClientError", (error: Error, socket: Socket) => {
    log.warn({ partner, from: socket.remoteAddress, error: error.message }, "an MLLP handshake failed");
  });
  server.on("drop", (data?: { readonly remoteAddress?: string }) =>
    log.warn({ partner, from: data?.remoteAddress }, `more than ${options.connectionsMax} MLLP connections: the newest is dropped`),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port, backlog: BACKLOG, ...(options.shared ? { reusePort: true } : {}) }, () => {
      server.off("error", reject);
      server.on("error", (error) => log.error({ partner, error: error.message }, "the MLLP door failed"));
      resolve();
    });
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : options.port;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;

  const pause = async (): Promise<void> => {
    if (paused) return;
    paused = true;
    server.close();
    answerer.stop();
    await Promise.all([...open].map((connection) => connection.end(STOP_MS)));
  };
  return {
    address: `${tls ? "mllps" : "mllp"}://${host}:${port}`,
    pause,
    close: async () => {
      await pause();
      for (const connection of open) connection.destroy();
    },
  };
}
