/** Two dialects of SiInterface.dll as the insurer answers them (reference/domain.md 2.1, 2.2): request text in, reply text and return value out. */
import { fenOfYuan, yuanOfFen } from "../money.ts";
import { type Books, type Split, splitOf } from "./books.ts";

export interface Answered {
  readonly reply: string;
  readonly returned: number;
  /** What it did to the books, where it did anything. */
  readonly deed?: { readonly kind: "settle" | "undo"; readonly no: string; readonly visit: string; readonly split: Split };
  readonly code: string;
}

export type Dialect = (request: string, books: Books, now: string) => Answered;

/** 出参 of 2410 and 2420: positions from 1. */
const NEUSOFT_FIELDS = 31;
const CHONGQING_FIELDS = 29;
const fieldsOf = (count: number, values: ReadonlyMap<number, string>, empty = "0.00"): string[] =>
  Array.from({ length: count }, (_, index) => values.get(index + 1) ?? empty);

function neusoftAmounts({ total, fund, account, cash }: Split): string {
  const yuan = yuanOfFen;
  const values = new Map<number, string>([
    [1, yuan(total)],
    [3, yuan(account)],
    [4, yuan(fund)],
    [11, yuan(total)],
    [13, yuan(total)],
    [18, yuan(cash)],
    [19, yuan(total)],
  ]);
  return fieldsOf(NEUSOFT_FIELDS, values)
    .map((field) => `${field}|`)
    .join("");
}

export const neusoft: Dialect = (request, books) => {
  const [code = "", , , , serial = "0", , input = ""] = request.split("^");
  const fields = input.split("|");
  const no = (why: string): Answered => ({ reply: `${serial}^-1^${why}^`, returned: -1, code });
  const well = (output: string, deed?: Answered["deed"]): Answered => ({
    reply: `${serial}^1^${output}^`,
    returned: 0,
    code,
    ...(deed ? { deed } : {}),
  });
  switch (code) {
    case "9100":
      return well(`CYCLE-${serial.slice(0, 8)}|`);
    case "2310":
      for (const row of input.split("$").filter((text) => text !== "")) {
        const [visit = "", , , , , , , , price = "", quantity = ""] = row.split("|");
        books.charge(visit, centsOf(price, quantity));
      }
      return well("");
    case "2420":
    case "2410": {
      const [visit = ""] = fields;
      const total = books.owed(visit);
      if (total === undefined) return no("未找到门诊登记信息");
      const split = splitOf(total);
      if (code === "2420") return well(neusoftAmounts(split));
      if (books.settle({ ...split, no: serial, visit }) === "repeated") return no("流水号重复");
      return well(neusoftAmounts(split), { kind: "settle", no: serial, visit, split });
    }
    case "2421":
    case "2430": {
      // 2421 names the serial; 2430 may carry the settlement's own or a new one, and names the visit.
      const of = code === "2421" ? (fields[1] ?? "") : serial;
      const undone = books.undo(of) ?? (code === "2430" ? books.undoVisit(fields[0] ?? "") : undefined);
      if (!undone) return no("未找到被冲正交易");
      return well("", { kind: "undo", no: undone.no, visit: undone.visit, split: undone });
    }
    default:
      return no("未知交易");
  }
};

/** Unit price with four places times quantity with two: fen, halves up. */
function centsOf(price: string, quantity: string): bigint {
  const [whole = "0", part = ""] = price.split(".");
  const [times = "0", rest = ""] = quantity.split(".");
  const product = BigInt(whole + part.padEnd(4, "0").slice(0, 4)) * BigInt(times + rest.padEnd(2, "0").slice(0, 2));
  return (product + 5_000n) / 10_000n;
}

function chongqingAmounts({ fund, account, cash, total }: Split, now: string): string[] {
  const values = new Map<number, string>([
    [1, yuanOfFen(fund)],
    [2, yuanOfFen(account)],
    [4, yuanOfFen(cash)],
    [7, "342.45"],
    [19, now],
    [21, yuanOfFen(total)],
    [29, ""],
  ]);
  return fieldsOf(CHONGQING_FIELDS, values);
}

export const chongqing: Dialect = (request, books, now) => {
  const fields = request.split("|");
  const [code = "", visit = ""] = fields;
  const no = (why: string): Answered => ({ reply: `-1|${why}`, returned: 0, code });
  switch (code) {
    case "05":
    case "06": {
      const total = fenOfYuan((code === "05" ? fields[7] : fields[4]) ?? "");
      if (total === null || visit === "" || visit.startsWith("NONE")) return no("未找到该就诊登记记录");
      const split = splitOf(total);
      const output = chongqingAmounts(split, now);
      if (code === "06") return { reply: ["1", ...output].join("|"), returned: 0, code };
      const settled = books.next();
      books.settle({ ...split, no: settled, visit });
      return { reply: ["1", settled, ...output].join("|"), returned: 0, code, deed: { kind: "settle", no: settled, visit, split } };
    }
    case "99": {
      const undone = books.undo(visit);
      if (!undone) return no("未找到被冲正交易");
      const { fund, account, cash } = undone;
      const output = [
        yuanOfFen(fund),
        yuanOfFen(account),
        "0.00",
        yuanOfFen(cash),
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "",
        now,
      ];
      const reply = ["1", `${visit}R`, ...output, "0.00", "0.00", "0.00", "0.00"].join("|");
      return { reply, returned: 0, code, deed: { kind: "undo", no: visit, visit: undone.visit, split: undone } };
    }
    default:
      return no("未知交易");
  }
};
