import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { type Admission, createEditorGate, type EditorGate } from "./gate.ts";

type Request = Parameters<EditorGate["middleware"]>[0];
type Response = Parameters<EditorGate["middleware"]>[1];

/** The store of sessions is away. */
const AWAY: Admission = {
  who: () => Promise.reject(new Error("connection refused")),
  leave: () => Promise.reject(new Error("connection refused")),
  consolePort: () => "1",
};
const asked = (url: string): Request =>
  ({
    method: "GET",
    url,
    path: url,
    headers: { host: "127.0.0.1:1880", cookie: "huiliu_session=x" },
    socket: { remoteAddress: "127.0.0.1" },
  }) as Request;

test("while nobody can be asked about, the editor says that the database is away and what to do, and lets nobody in", async () => {
  const gate = createEditorGate(AWAY);
  const told: { status?: number; body?: object } = {};
  await new Promise<void>((resolve, reject) => {
    const response: Response = {
      status: (code: number) => {
        told.status = code;
        return response;
      },
      set: () => response,
      json: (body: object) => {
        told.body = body;
        resolve();
      },
      end: () => reject(new Error("ended without a word")),
      redirect: () => reject(new Error("sent to sign in, which cannot help")),
    };
    gate.middleware(asked("/flows"), response, () => reject(new Error("let in")));
  });
  const { error } = told.body as { error: { code: string; zh: string; en: string } };
  assert.deepEqual([told.status, error.code], [503, "STORE_AWAY"]);
  assert.match(`${error.zh} ${error.en}`, /PostgreSQL.*npx huiliu doctor.*PostgreSQL/);
  assert.equal(await gate.opens(asked("/comms"), new Duplex()), false);
  gate.close();
});
