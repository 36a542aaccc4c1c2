/** How the command line reaches a running engine: the address and the token in `<data>/run.json`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiError } from "../../domain/operations/refusals.ts";

export type { ApiError };

/** Exit codes, the same for every command. */
export const EXIT = { ok: 0, failed: 1, refused: 2, notRunning: 3 } as const;
/** A day's totals may take that long. */
const TIMEOUT_MS = 30_000;

/** The engine is not there. */
export class NotRunning extends Error {
  override readonly name = "NotRunning";
}

/** The engine said no, or failed (status ≥ 500). */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;
  readonly error: ApiError;
  constructor(status: number, error: ApiError) {
    super(error.en);
    this.status = status;
    this.error = error;
  }
}

/** What can be asked; undefined members are left out. */
export type Query = Readonly<Record<string, string | undefined>>;

export interface Client {
  /** The console's address. */
  readonly console: string;
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body: Readonly<Record<string, unknown>>): Promise<T>;
}

interface RunFile {
  readonly console?: string;
  readonly token?: string;
}

function readRunFile(dataDir: string): { readonly console: string; readonly token: string } {
  const path = join(dataDir, "run.json");
  if (!existsSync(path)) throw new NotRunning(path);
  const told = JSON.parse(readFileSync(path, "utf8")) as RunFile;
  if (told.console === undefined || told.token === undefined) throw new NotRunning(path);
  return { console: told.console, token: told.token };
}

const isApiError = (value: unknown): value is { readonly error: ApiError } =>
  typeof value === "object" &&
  value !== null &&
  "error" in value &&
  typeof (value as { error: { code?: unknown } }).error?.code === "string";

/** Throws NotRunning when there is no run.json. Requests reject with NotRunning when nobody answers and with Refused when the engine says no. */
export function createClient(dataDir: string): Client {
  const told = readRunFile(dataDir);
  const call = async <T>(method: "GET" | "POST", path: string, body?: object): Promise<T> => {
    let response: Response;
    try {
      response = await fetch(`${told.console}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${told.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") throw new Error(`no answer within ${TIMEOUT_MS / 1_000} s`);
      throw new NotRunning(told.console);
    }
    const answer: unknown = await response.json();
    if (response.ok) return answer as T;
    if (isApiError(answer)) throw new Refused(response.status, answer.error);
    throw new Error(`${told.console} answered ${response.status}`);
  };
  return {
    console: told.console,
    get: (path, query = {}) => {
      const search = new URLSearchParams(
        Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ).toString();
      return call("GET", search === "" ? path : `${path}?${search}`);
    },
    post: (path, body) => call("POST", path, Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))),
  };
}
