/** What an HL7 system does with what it is sent: reads it, does it once (strict) or each time (naive), answers by MSA, and strikes by its faults. */
import type { Plan } from "../faults.ts";
import { fenOfYuan } from "../money.ts";
import type { Premises } from "../partner.ts";
import { type Charset, componentOf, decode, encode, fieldOf, frameOf, segmentsOf } from "./wire.ts";

/** What it takes, by MSH-9: `ORM^O01` → kind in the ledger, and the field that names the order. */
export type Takes = Readonly<Record<string, { readonly kind: string; readonly order: readonly [string, number] }>>;

export interface DeskOptions {
  readonly premises: Premises;
  readonly application: string;
  readonly takes: Takes;
  readonly counters: Record<string, number>;
}

/** Answers as frames, and whether the connection is cut. */
export interface Said {
  readonly frames: readonly Buffer[];
  readonly cut: boolean;
}

interface Book {
  /** MSH-10 → the text it came with. */
  readonly done: Map<string, string>;
}

const SILENCE: Said = { frames: [], cut: false };
const CUT: Said = { frames: [], cut: true };

/** Restores what was done from the ledger. */
export async function openBook(premises: Premises): Promise<Book> {
  const done = new Map<string, string>();
  for await (const line of premises.past()) if (line.effect && line.sent !== true && line.key !== null) done.set(line.key, line.raw);
  return { done };
}

/** Sum of FT1-11; null where there is none. */
function amountOf(segments: readonly (readonly string[])[]): string | null {
  const rows = segments.filter((one) => one[0] === "FT1");
  if (rows.length === 0) return null;
  let total = 0n;
  for (const row of rows) total += fenOfYuan(componentOf(row[11] ?? "", 1).split("&")[0] ?? "") ?? 0n;
  return total.toString();
}

export function createDesk({ premises, application, takes, counters }: DeskOptions, book: Book) {
  let answers = 0;

  const answer = (code: string, text: string, to: readonly (readonly string[])[], plan: Plan): Said => {
    answers += 1;
    const charset: Charset = plan.gbk === undefined ? "UNICODE UTF-8" : "GB 18030-2000";
    const lines = [
      `MSH|^~\\&|${application}|HOSP|${componentOf(fieldOf(to, "MSH", 3), 1)}||20261120093001||ACK|${application}${answers}|P|2.5.1||||||${charset}`,
      `MSA|${code}|${fieldOf(to, "MSH", 10)}${text === "" ? "" : `|${text}`}`,
    ];
    const body = encode(lines.map((line) => `${line}\r`).join(""), charset);
    const frame =
      plan.garble === undefined ? frameOf(body) : Buffer.concat([frameOf(body).subarray(0, body.length >> 1), Buffer.of(0xff, 0x00)]);
    return { frames: plan.duplicate?.how === "answer" ? [frame, frame] : [frame], cut: plan.garble !== undefined };
  };

  const judge = (segments: readonly (readonly string[])[], text: string, plan: Plan): { code: string; text: string; effect: boolean } => {
    const id = fieldOf(segments, "MSH", 10);
    if (plan.reject !== undefined) return { code: "AE", text: plan.reject.text ?? "业务拒绝", effect: false };
    if (componentOf(fieldOf(segments, "PID", 3), 1) === "") return { code: "AE", text: "缺少患者号", effect: false };
    const known = book.done.get(id);
    if (known !== undefined && premises.mode() === "strict")
      return known === text ? { code: "AA", text: "已处理", effect: false } : { code: "AE", text: "同号不同文", effect: false };
    return { code: "AA", text: "", effect: true };
  };

  return async (body: Buffer): Promise<Said> => {
    counters.messages = (counters.messages ?? 0) + 1;
    const text = decode(body);
    const segments = segmentsOf(text ?? "");
    const type = fieldOf(segments, "MSH", 9).split("^").slice(0, 2).join("^");
    const id = fieldOf(segments, "MSH", 10);
    const taken = takes[type];
    if (text === null || id === "" || taken === undefined) {
      await premises.record({
        key: null,
        kind: "unreadable",
        order: null,
        amount: null,
        effect: false,
        answer: id === "" ? "none" : "AR",
        raw: text ?? body.toString("base64"),
        ...(text === null ? { rawEncoding: "base64" } : {}),
      });
      return id === "" ? CUT : answer("AR", "不支持的消息类型", segments, {});
    }
    const order = componentOf(fieldOf(segments, ...taken.order), 1) || componentOf(fieldOf(segments, "PV1", 19), 1) || null;
    const plan = premises.faults.plan({ scope: "write-back", bill: order, kind: taken.kind });
    const fault = Object.keys(plan).join("+");
    const line = { key: id, kind: taken.kind, order, amount: amountOf(segments), raw: text, ...(fault === "" ? {} : { fault }) };
    if (plan.hang !== undefined && plan.hang.after === undefined) {
      await premises.record({ ...line, effect: false, answer: "none" });
      return SILENCE;
    }
    if (plan["503"] !== undefined) {
      await premises.record({ ...line, effect: false, answer: "AR" });
      return answer("AR", "系统繁忙", segments, {});
    }
    if (plan.slow !== undefined) await premises.timers.wait(plan.slow.ms ?? 0);
    const judged = judge(segments, text, plan);
    if (judged.effect) book.done.set(id, text);
    await premises.record({ ...line, effect: judged.effect, answer: judged.code });
    if (plan.hang !== undefined) return SILENCE;
    return plan["drop-reply"] === undefined ? answer(judged.code, judged.text, segments, plan) : CUT;
  };
}
