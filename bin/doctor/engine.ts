/** A running engine, asked by its own door: ready, alarms, and that its audit is whole. */
import type { Status } from "../../domain/operations/views.ts";
import { type Check, type Finding, fine, lineOf, wrong } from "./finding.ts";

const ANSWER_MS = 15_000;

interface Missing {
  readonly what: string;
  readonly zh: string;
  readonly en: string;
}

export const engine: Check = async ({ console: url, token }) => {
  if (url === undefined || token === undefined)
    return [wrong("engine", "warn", "engine", ["引擎没有运行", "the engine does not run"], ["npm start", "npm start"])];
  const ask = async (path: string): Promise<{ readonly status: number; readonly body: unknown }> => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(ANSWER_MS) });
    return { status: answer.status, body: await answer.json() };
  };
  try {
    const ready = (await ask("/readyz")).body as { ready: boolean; missing: readonly Missing[] };
    return [
      ...(ready.ready
        ? [fine("engine", "engine", "就绪", "ready")]
        : ready.missing.map((one) =>
            wrong("engine", "bad", one.what, [one.zh, one.en], ["查看日志 .data/log/engine.log", "read .data/log/engine.log"]),
          )),
      ...(await refusedFlows(ask)),
      ...(await alarms(ask)),
      ...(await audit(ask)),
    ];
  } catch (error) {
    const why = lineOf(error);
    return [
      wrong(
        "engine",
        "bad",
        "engine",
        [`${url} 没有应答：${why}`, `${url} does not answer: ${why}`],
        ["查看 .data/log/engine.log；重新 npm start", "read .data/log/engine.log; npm start again"],
      ),
    ];
  }
};

/** Flows that the engine did not load, by name and reason. */
async function refusedFlows(ask: Ask): Promise<readonly Finding[]> {
  const { body } = await ask("/api/v1/status");
  const { refusedFlows: refused = [] } = body as Partial<Pick<Status, "refusedFlows">>;
  return refused.map(({ flow, code, zh, en, next }) =>
    wrong("engine", "bad", `flows/${flow} [${code}]`, [`没有加载：${zh}`, `not loaded: ${en}`], [next.zh, next.en]),
  );
}

type Ask = (path: string) => Promise<{ readonly status: number; readonly body: unknown }>;
interface OpenAlarm {
  readonly kind: string;
  readonly subject: string;
  readonly severity: string;
  readonly text: { readonly zh: string; readonly en: string };
  readonly next: { readonly zh: string; readonly en: string };
}

async function alarms(ask: Ask): Promise<readonly Finding[]> {
  const { body } = await ask("/api/v1/alarms");
  const { items } = body as { items: readonly OpenAlarm[] };
  if (items.length === 0) return [fine("engine", "alarms", "没有告警", "no alarms")];
  return items.map((one) =>
    wrong(
      "engine",
      one.severity === "page" ? "bad" : "warn",
      `${one.kind} ${one.subject}`,
      [one.text.zh, one.text.en],
      [one.next.zh, one.next.en],
    ),
  );
}

async function audit(ask: Ask): Promise<readonly Finding[]> {
  const { status, body } = await ask("/api/v1/audit/verification");
  if (status !== 200)
    return [
      wrong(
        "engine",
        "warn",
        "audit",
        ["审计链未能核验", "the audit's chain could not be verified"],
        ["npx huiliu audit verify", "npx huiliu audit verify"],
      ),
    ];
  return (body as { readonly intact?: boolean }).intact === true
    ? [fine("engine", "audit", "审计链完整", "the audit's chain is whole")]
    : [
        wrong(
          "engine",
          "bad",
          "audit",
          ["审计链有改动", "the audit's chain is broken"],
          [
            "npx huiliu audit verify 指出位置；保全数据库与 .data/audit/",
            "npx huiliu audit verify names the place; keep the database and .data/audit/ as they are",
          ],
        ),
      ];
}
