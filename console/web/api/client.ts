/** The operators' API as the pages use it: same origin, the session's cookie, answers typed by the API's own views (domain/operations/views*.ts, types only). */
import type { ApiError } from "../../../domain/operations/refusals.ts";

export type { ApiError };

/** The engine said no, with its code, texts and next step; `status` 0: it could not be reached. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly status: number;
  readonly error: ApiError;
  constructor(status: number, error: ApiError) {
    super(error.en);
    this.status = status;
    this.error = error;
  }
}

export type Query = Readonly<Record<string, string | undefined>>;

const UNREACHABLE: ApiError = {
  code: "UNREACHABLE",
  zh: "引擎没有应答",
  en: "The engine does not answer",
  next: { zh: "检查网络；引擎可能正在重启", en: "Check the network; the engine may be restarting" },
};
/** The engine's longest answer is the totals of a day, within half of this; after it a page says that nobody answers. */
const TIMEOUT_MS = 60_000;
/** Sent with every request that changes something; only a page of this origin can (sign-in, CSRF). */
const ASKED_BY_PAGE = { "x-huiliu-console": "1" };

async function call<T>(method: "GET" | "POST", path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...ASKED_BY_PAGE, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiProblem(0, UNREACHABLE);
  }
  const answer = (await response.json().catch(() => undefined)) as T | { readonly error: ApiError } | undefined;
  if (response.ok && answer !== undefined) return answer as T;
  const error = (answer as { readonly error?: ApiError } | undefined)?.error;
  throw new ApiProblem(response.status, error ?? UNREACHABLE);
}

/** Throws ApiProblem. */
export function get<T>(path: string, query: Query = {}): Promise<T> {
  const search = new URLSearchParams(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
  return call("GET", search === "" ? path : `${path}?${search}`);
}

/** Throws ApiProblem. */
export const post = <T>(path: string, body: object): Promise<T> => call("POST", path, body);
