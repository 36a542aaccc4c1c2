/** A server that speaks PostgreSQL's wire over one view: its account may read that view and nothing else. Faults strike statements and connections. */
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { timingSafeEqual } from "node:crypto";
import {
  boundValues,
  complete,
  dataRow,
  errorResponse,
  int32,
  message,
  parameter,
  ready,
  rowDescription,
  startupOf,
  takeMessage,
  textAt,
} from "./messages.ts";
import { select, type Selected, type View } from "./select.ts";

/** What becomes of a statement. `cut`: half of the answer, then nothing more; `garbage`: bytes that are no message. */
export type Struck = "well" | "hang" | "cut" | "garbage" | "busy";

export interface ViewServerOptions {
  readonly view: View;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Asked for each statement that reads rows, before it is answered; may wait. */
  strike(): Promise<Struck>;
  /** True: this connection is turned away unread. */
  refuses(): boolean;
  /** Rows that were handed out. */
  read(rows: number): void;
}

export interface ViewServer {
  readonly port: number;
  /** Cuts everybody who is connected. */
  cut(): void;
  close(): Promise<void>;
}

const AUTHENTICATION_CLEARTEXT = 3;
const GARBLED = Buffer.from([0x44, 0x00, 0x00, 0x00, 0x0c, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
const same = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};

/** One client. Statements are answered one after another. */
function serve(socket: Socket, options: ViewServerOptions): void {
  let bytes: Buffer = Buffer.alloc(0);
  let stage: "startup" | "password" | "in" = "startup";
  /** The statement that was parsed, its values, and what came of them. */
  let parsed = "";
  let values: readonly (string | null)[] = [];
  /** After an error, everything is skipped up to Sync. */
  let skipping = false;
  let work: Promise<void> = Promise.resolve();

  const say = (...messages: readonly Buffer[]): void => {
    if (!socket.destroyed) socket.write(Buffer.concat(messages));
  };
  const answer = (found: Selected, described: boolean): void => {
    if (!found.ok) {
      skipping = true;
      say(errorResponse(found.code, found.words));
      return;
    }
    options.read(found.rows.length);
    say(...(described && found.columns.length > 0 ? [rowDescription(found.columns)] : []), ...found.rows.map(dataRow), complete(found.tag));
  };
  /** Does what strikes the statement; true: it is not to be answered in the usual way. */
  const struck = async (statement: string): Promise<boolean> => {
    if (!/\bfrom\b/i.test(statement)) return false;
    const how = await options.strike();
    if (how === "hang") return true;
    if (how === "cut" || how === "garbage") {
      if (how === "garbage") socket.end(GARBLED);
      else socket.destroy();
      return true;
    }
    if (how === "busy") {
      skipping = true;
      say(errorResponse("53300", "sorry, too many clients already"));
      return true;
    }
    return false;
  };
  const simple = async (statement: string): Promise<void> => {
    if (!(await struck(statement))) answer(select(options.view, statement, []), true);
    skipping = false;
    if (!socket.destroyed && !socket.writableEnded) say(ready());
  };
  const extended = async (type: string, body: Buffer): Promise<void> => {
    if (type === "S") {
      skipping = false;
      return say(ready());
    }
    if (skipping) return;
    if (type === "P") {
      parsed = textAt(body, textAt(body, 0).next).text;
      return say(message("1"));
    }
    if (type === "B") {
      values = boundValues(body);
      return say(message("2"));
    }
    if (type === "D") {
      const found = select(options.view, parsed, values);
      if (!found.ok) return answer(found, false);
      return say(found.columns.length === 0 ? message("n") : rowDescription(found.columns));
    }
    if (type === "E") {
      if (!(await struck(parsed))) answer(select(options.view, parsed, values), false);
      return;
    }
    if (type === "C") say(message("3"));
  };
  const begin = (body: Buffer): void => {
    const wanted = startupOf(body);
    if (wanted.kind === "refuse-tls") {
      say(Buffer.from("N"));
      return;
    }
    if (wanted.kind !== "start") {
      socket.destroy();
      return;
    }
    if (wanted.parameters.get("user") !== options.user || wanted.parameters.get("database") !== options.database) {
      socket.end(errorResponse("28000", `role "${wanted.parameters.get("user") ?? ""}" is not permitted to log in`, "FATAL"));
      return;
    }
    stage = "password";
    say(message("R", int32(AUTHENTICATION_CLEARTEXT)));
  };
  const enter = (body: Buffer): void => {
    if (!same(textAt(body, 0).text, options.password)) {
      socket.end(errorResponse("28P01", `password authentication failed for user "${options.user}"`, "FATAL"));
      return;
    }
    stage = "in";
    const about = {
      server_version: "15.8",
      server_encoding: "UTF8",
      client_encoding: "UTF8",
      DateStyle: "ISO, MDY",
      TimeZone: "Asia/Shanghai",
      integer_datetimes: "on",
      standard_conforming_strings: "on",
    };
    say(
      message("R", int32(0)),
      ...Object.entries(about).map(([name, value]) => parameter(name, value)),
      message("K", Buffer.concat([int32(1), int32(1)])),
      ready(),
    );
  };
  const take = async (type: string, body: Buffer): Promise<void> => {
    if (stage === "startup") return begin(body);
    if (type === "X") return void socket.end();
    if (stage === "password") return type === "p" ? enter(body) : void socket.destroy();
    return type === "Q" ? simple(textAt(body, 0).text) : extended(type, body);
  };

  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, Buffer.from(chunk)]);
    work = work
      .then(async () => {
        for (;;) {
          const found = socket.destroyed ? "broken" : takeMessage(bytes, stage !== "startup");
          if (found === undefined) return;
          if (found === "broken") return void socket.destroy();
          bytes = found.rest;
          await take(found.type, found.body);
        }
      })
      .catch(() => void socket.destroy()); // a message that is cut inside: such a client is cut
  });
}

/** Listens on loopback; port 0 takes a free one. */
export async function startViewServer(options: ViewServerOptions): Promise<ViewServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    if (options.refuses()) return void socket.resetAndDestroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
