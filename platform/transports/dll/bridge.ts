/** The bridge put together: record, session, calls, face (docs/dll-bridge.md). */
import { createCalls, type Calls } from "./calls.ts";
import type { Description } from "./description.ts";
import { type Face, openFace } from "./face.ts";
import { openRecord } from "./record.ts";
import { type Child, createSession, type Session } from "./session.ts";
import { spawnChild } from "./spawn.ts";

export interface BridgeOptions {
  readonly description: Description;
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** File of its record of calls. */
  readonly record: string;
  /** Begin a new record where there is none. */
  readonly create: boolean;
  readonly queueMax?: number;
  readonly queueMs?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Another process than the real one: for tests. */
  readonly spawn?: () => Child;
  readonly log?: (message: string, about: Readonly<Record<string, unknown>>) => void;
}

export interface Bridge {
  readonly url: string;
  readonly session: Pick<Session, "state" | "starts">;
  readonly calls: Pick<Calls, "counts">;
  /** Takes nothing new, lets the call that runs end within its time, ends the child. */
  close(): Promise<void>;
}

const silent = (): void => undefined;

/** Opens a bridge; the library is loaded at once, and a library that cannot be loaded does not stop the bridge: it says so and tries again. */
export async function openBridge(options: BridgeOptions): Promise<Bridge> {
  const { description, log = silent } = options;
  const record = openRecord({
    file: options.record,
    create: options.create,
    name: description.name,
    nowIso: () => new Date().toISOString(),
  });
  const session = createSession({ description, spawn: options.spawn ?? spawnChild, nowMs: Date.now, log });
  const calls = createCalls({
    description,
    session,
    record,
    ...(options.queueMax === undefined ? {} : { queueMax: options.queueMax }),
    ...(options.queueMs === undefined ? {} : { queueMs: options.queueMs }),
  });
  let face: Face;
  try {
    face = await openFace({ ...options, calls, session, name: description.name, charset: description.charset });
  } catch (error) {
    record.close();
    throw error;
  }
  await session.prepare();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await calls.stop();
    await session.stop();
    await face.close();
    record.close();
  };
  return {
    url: face.url,
    session,
    calls,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
