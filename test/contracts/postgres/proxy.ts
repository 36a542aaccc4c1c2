/** A wire to PostgreSQL that can be cut exactly at COMMIT: before the server hears it, or after it has done it and before we hear of it. */
import { createServer, connect as connectTo, type Socket } from "node:net";

export type Cut = "before" | "after";

export interface Proxy {
  readonly url: string;
  /** The next `times` COMMITs are cut. */
  cutNextCommit(where: Cut, times?: number): void;
  readonly cuts: () => number;
  /** Refuses and ends every connection until `open()`. */
  shut(): void;
  open(): void;
  close(): Promise<void>;
}

const COMMIT = Buffer.from("commit\0");

export async function proxyTo(url: string): Promise<Proxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let cut: Cut | undefined;
  let left = 0;
  let cuts = 0;
  let isShut = false;
  const server = createServer((client) => {
    if (isShut) {
      client.destroy();
      return;
    }
    const upstream = connectTo(Number(target.port), target.hostname);
    sockets.add(client).add(upstream);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let deaf = false;
    client.on("data", (data) => {
      if (left > 0 && data.includes(COMMIT)) {
        left -= 1;
        cuts += 1;
        if (cut === "before") {
          end();
          return;
        }
        // The server does it, its answer reaches nobody.
        deaf = true;
        upstream.once("data", end);
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!deaf) client.write(data);
    });
    for (const socket of [client, upstream]) {
      socket.on("error", end);
      socket.on("close", end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const own = new URL(url);
  own.hostname = "127.0.0.1";
  own.port = String(address.port);
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: own.href,
    cutNextCommit: (where, times = 1) => {
      cut = where;
      left = times;
    },
    cuts: () => cuts,
    shut: () => {
      isShut = true;
      endAll();
    },
    open: () => {
      isShut = false;
    },
    close: async () => {
      endAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
