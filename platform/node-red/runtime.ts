/** Runs Node-RED inside this process. Node-RED keeps its state in module variables: one runtime per process. */
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { EditorGate } from "./gate.ts";

interface NodeRed {
  init(server: Server, settings: Readonly<Record<string, unknown>>): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly httpAdmin: ((request: unknown, response: unknown) => void) | undefined;
  readonly runtime: {
    readonly events: { once(event: string, fn: () => void): void };
    readonly flows: { setFlows(options: { readonly deploymentType: "reload" }): Promise<unknown> };
  };
}

export interface RunningNodeRed {
  /** Base address of the editor and the admin API; absent when they are off. */
  readonly editor?: string;
  /** Loads the flows from their files anew. Intake is paused and resumed by the kit, as in a deploy. */
  reload(): Promise<void>;
  /** Stops the flows (nodes close) and the editor. Drain the engine first. */
  stop(): Promise<void>;
}

/** How long flows may take to start after the runtime has loaded its nodes. */
const FLOWS_START_MS = 30_000;

/** Starts the runtime and waits until the flows run. Refuses when they do not within 30 s (Node-RED only logs missing node types). */
export async function startNodeRed(settings: Readonly<Record<string, unknown>>): Promise<RunningNodeRed> {
  const red = createRequire(import.meta.url)("node-red") as NodeRed;
  const server = createServer((request, response) => {
    if (red.httpAdmin === undefined) response.writeHead(404).end();
    else red.httpAdmin(request, response);
  });
  // Node-RED listens for websockets at a server of its own that nobody reaches but through the gate.
  const gate = settings.huiliuGate as EditorGate;
  const behind = createServer();
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    gate.opens(request, socket).then(
      (open) => {
        if (open) behind.emit("upgrade", request, socket, head);
        else socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      },
      () => socket.destroy(),
    );
  });
  red.init(behind, settings);
  let timer: NodeJS.Timeout | undefined;
  const started = new Promise<void>((resolve, reject) => {
    red.runtime.events.once("flows:started", resolve);
    timer = setTimeout(() => reject(new Error("the flows did not start: see the log for node types that are missing")), FLOWS_START_MS);
  });
  // Observed below; a failure before that must not be an unhandled rejection.
  started.catch(() => clearTimeout(timer));
  await red.start();
  await started;
  clearTimeout(timer);
  const admin = settings.httpAdminRoot !== false;
  if (admin)
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(Number(settings.uiPort), String(settings.uiHost), resolve);
    });
  const address = server.address() as AddressInfo | null;
  return {
    ...(address === null ? {} : { editor: `http://127.0.0.1:${address.port}/` }),
    reload: async () => {
      await red.runtime.flows.setFlows({ deploymentType: "reload" });
    },
    stop: async () => {
      await red.stop();
      gate.close();
      server.closeAllConnections();
      if (admin) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
