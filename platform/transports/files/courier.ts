/**
 * The one who puts files: under a temporary name, whole, onto the disk where that can be asked for, then renamed. A name that is taken is never written over: the same
 * content there is "already done", another one is told as such. The reply is a small JSON for the ack contract:
 * `{"code":"STORED|ALREADY|DIFFERS","key","name","bytes","sha256"}`.
 */
import { createHash } from "node:crypto";
import { failpoint } from "../../../domain/failpoint.ts";
import type { CallRequest, CallResult, Courier } from "../../../domain/writeback/ports.ts";
import type { FileStore, OpenStore, StoreAddress } from "./store.ts";

export interface FileCourierDeps {
  readonly open: OpenStore;
  /** What the destination is reached with. */
  readonly accountOf: (destination: string) => Omit<StoreAddress, "url" | "connectMs">;
}

/** Calls to one server at once: its sessions are few. */
const PARALLEL = 4;
const KEY = /^[\x21-\x7e]{1,200}$/;
const STATUS = { STORED: 200, ALREADY: 200, DIFFERS: 409 } as const;

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Folder and name of the address; `{key}` in it is the write-back's key. Undefined: it names no file. */
function targetOf(request: CallRequest): { readonly folder: string; readonly name: string } | undefined {
  const key = request.about?.key ?? "";
  const text = request.url.replace(/\{key\}|%7Bkey%7D/g, () => encodeURIComponent(key).replaceAll(".", "%2E"));
  if ((text !== request.url && !KEY.test(key)) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const at = url.pathname.lastIndexOf("/");
  const name = decodeURIComponent(url.pathname.slice(at + 1));
  url.pathname = url.pathname.slice(0, at) || "/";
  return name === "" || name.includes("/") ? undefined : { folder: url.toString(), name };
}

export function createFileCourier({ open, accountOf }: FileCourierDeps): Courier {
  const queues = new Map<string, Promise<unknown>[]>();
  const open_ = new Set<FileStore>();
  let closed = false;

  const reply = (code: keyof typeof STATUS, name: string, bytes: Uint8Array, request: CallRequest, ms: number): CallResult => ({
    kind: "reply",
    status: STATUS[code],
    contentType: "application/json; charset=utf-8",
    body: new TextEncoder().encode(
      JSON.stringify({
        code,
        ...(request.about === undefined ? {} : { key: request.about.key }),
        name,
        bytes: bytes.length,
        sha256: sha256Of(bytes),
      }),
    ),
    ms,
  });

  /** Same content, other content, or nothing under this name. */
  const compare = async (store: FileStore, name: string, bytes: Uint8Array): Promise<"ALREADY" | "DIFFERS" | undefined> => {
    const there = await store.read(name, bytes.length);
    if (there === undefined) return undefined;
    return there.length === bytes.length && sha256Of(there) === sha256Of(bytes) ? "ALREADY" : "DIFFERS";
  };

  const put = async (request: CallRequest, startedAt: number, wrote: () => void): Promise<CallResult> => {
    const target = targetOf(request);
    const ms = (): number => Math.round(performance.now() - startedAt);
    if (!target) return { kind: "unsent", why: "the address names no file", ms: ms() };
    const { folder, name } = target;
    const bytes = request.body ?? new Uint8Array(0);
    const store = await open({ ...accountOf(request.about?.destination ?? ""), url: folder, connectMs: request.connectTimeoutMs });
    open_.add(store);
    const hangUp = (): void => void store.close().catch(() => undefined);
    request.signal?.addEventListener("abort", hangUp, { once: true });
    const late = setTimeout(hangUp, request.replyTimeoutMs);
    try {
      const before = await compare(store, name, bytes);
      if (before !== undefined) return reply(before, name, bytes, request, ms());
      const temporary = `.${sha256Of(new TextEncoder().encode(`${name} ${request.about?.key ?? ""} ${request.about?.attempt ?? 0}`)).slice(0, 24)}.tmp`;
      await store.remove(temporary); // of an attempt that broke off
      if (request.signal?.aborted === true || ms() > request.replyTimeoutMs)
        return { kind: "unsent", why: "given up before it began", ms: ms() };
      failpoint("file-courier.before-write");
      wrote();
      await store.write(temporary, bytes);
      failpoint("file-courier.after-write");
      if (await store.rename(temporary, name)) return reply("STORED", name, bytes, request, ms());
      await store.remove(temporary);
      return reply((await compare(store, name, bytes)) ?? "DIFFERS", name, bytes, request, ms());
    } finally {
      clearTimeout(late);
      request.signal?.removeEventListener("abort", hangUp);
      open_.delete(store);
      await store.close().catch(() => undefined); // the answer is there already
    }
  };

  /** So many at once on one server, the others behind them. */
  const inTurn = async <T>(origin: string, work: () => Promise<T>): Promise<T> => {
    const queue = queues.get(origin) ?? [];
    queues.set(origin, queue);
    while (queue.length >= PARALLEL) await Promise.race(queue);
    const running = work();
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    queue.push(settled);
    try {
      return await running;
    } finally {
      queue.splice(queue.indexOf(settled), 1);
      if (queue.length === 0) queues.delete(origin);
    }
  };

  return {
    call: async (request) => {
      const startedAt = performance.now();
      let wrote = false;
      if (closed) return { kind: "unsent", why: "the courier is closed", ms: 0 };
      if (!URL.canParse(request.url)) return { kind: "unsent", why: "not an address", ms: 0 };
      const { protocol, host } = new URL(request.url);
      try {
        return await inTurn(`${protocol}//${host}`, () =>
          put(request, startedAt, () => {
            wrote = true;
          }),
        );
      } catch (error) {
        // Under a temporary name nothing has taken effect; but whether the rename was done is not known any more.
        return { kind: wrote ? "no-reply" : "unsent", why: messageOf(error), ms: Math.round(performance.now() - startedAt) };
      }
    },
    close: async () => {
      closed = true;
      await Promise.all([...open_].map((store) => store.close().catch(() => undefined)));
    },
  };
}
