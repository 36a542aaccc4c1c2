/** 健康通 3003 PayOrder, the decrypted inner XML; amounts are fen. Grammar: reference/domain.md appendix C. */
import { chinaTime } from "../clock.ts";
import { type Case, MINUTE_MS } from "./cases.ts";
import type { Made } from "./made.ts";

const PAID_AFTER_MS = 5 * MINUTE_MS;
const CHANNELS = { WX: "1", ZFB: "2", YL: "3" } as const;

/** A platform's payment of the whole order by the patient himself. */
export function payOrder(one: Case): Made & { readonly body: { readonly type: "document" } } {
  const [date, time] = chinaTime(one.at + PAID_AFTER_MS).split(" ");
  const day = one.date.replaceAll("-", "");
  const total = one.total.toString();
  const fields: readonly (readonly [string, string | undefined])[] = [
    ["HOS_ID", "1001"],
    ["ORDER_ID", `HPI${day}${one.tail}J`],
    ["HOSP_SEQUENCE", `SEQ${day}${one.tail}`],
    ["SERIAL_NUM", `4200${day}${String(one.seed).padStart(8, "0")}${String(one.ordinal).padStart(8, "0")}`],
    ["PAY_DATE", date],
    ["PAY_TIME", time],
    ["PAY_CHANNEL_ID", CHANNELS[one.channel]],
    ["PAY_TOTAL_FEE", total],
    ["PAY_BEHOOVE_FEE", total],
    ["PAY_ACTUAL_FEE", total],
    ["PAY_MI_FEE", "0"],
    ["PAY_RES_CODE", "SUCCESS"],
    ["PAY_RES_DESC", "支付成功"],
    ["MERCHANT_ID", "1900000001"],
    ["TERMINAL_ID", ""],
    ["BANK_NO", ""],
    ["PAY_ACCOUNT", `oTESTOPENID${one.tail}`],
    ["OPERATOR_ID", "APP"],
    ["RECEIPT_ID", ""],
  ];
  const text = `<REQ>${fields.map(([name, value]) => `<${name}><![CDATA[${value ?? ""}]]></${name}>`).join("")}</REQ>`;
  const order = `SEQ${day}${one.tail}`;
  return {
    id: `JKT3003${day}${one.tail}`,
    body: { type: "document", text, media: "application/xml" },
    expect: [{ order, kind: "payment-confirm", amount: total, lane: order, seq: 1 }],
  };
}
