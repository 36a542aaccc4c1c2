/** 支付成功: money is captured at the channels. Not yet cleared by the bank, and not proof that the bill is paid in full. */
import { choice, closed, code, date, dateTime, fen, list, masked, maybe, no, signedFen } from "../../schema/pieces.ts";
import { checkAtMost, checkCommon, checkSum, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { CHANNELS } from "../tenders.ts";

const tender = closed(
  {
    channel: choice(CHANNELS, "支付渠道", "Channel"),
    amount: fen("金额", "Amount"),
    merchantNo: maybe(no("商户号", "Merchant number")),
    merchantOrderNo: maybe(no("商户订单号", "Merchant's order number")),
    channelTransactionNo: maybe(no("渠道流水号", "The channel's transaction number")),
    terminalNo: maybe(no("终端号", "Terminal number")),
    traceNo: maybe(no("终端流水号（POS 凭证号）", "Trace number of the terminal")),
    payerAccount: maybe(masked("付款账户（脱敏）", "Payer's account, masked")),
    paidAt: dateTime("支付时间", "When it was paid"),
    channelDate: date("渠道账期日", "The channel's day"),
  },
  "支付方式",
  "Tender",
);

export const definition = defineEvent({
  type: "payment.settled",
  title: { zh: "支付已成功", en: "Payment settled" },
  meaning: {
    zh: "款项已在渠道扣款成功；尚未清算到账，也不代表单据已付清",
    en: "The money is captured; it is not cleared by the bank, and the bill need not be paid in full",
  },
  data: dataWithBusiness({
    paymentNo: no("支付单号", "The payment's number"),
    hisTransactionNo: maybe(no("院方交易号", "The HIS's transaction number")),
    tenders: list(tender, "支付方式", "Tenders", 1),
    total: fen("实付合计", "Total captured"),
    payable: fen("应付金额", "Amount payable"),
    discount: maybe(
      closed(
        {
          amount: fen("优惠金额", "Amount of the discount"),
          borneBy: choice(["hospital", "channel", "insurer", "other"], "优惠承担方", "Who bears it"),
        },
        "优惠",
        "Discount",
      ),
    ),
    receiptNo: maybe(no("收据号", "Receipt number")),
    invoice: maybe(closed({ code: maybe(code("票据代码", "Invoice code")), no: no("票据号", "Invoice number") }, "票据", "Invoice")),
    insuranceSettlementNo: maybe(no("关联的医保结算号", "Insurance settlement it belongs to")),
    balanceAfter: maybe(signedFen("支付后余额", "Balance afterwards")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...checkSum(
      "/total",
      data.total,
      data.tenders.map((one) => one.amount),
      "各支付方式之和不等于实付合计",
      "The tenders do not add up to the total",
    ),
    ...checkAtMost("/discount/amount", data.discount?.amount, data.payable, "优惠大于应付", "The discount is more than the amount payable"),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.paymentNo],
      ["serial", data.hisTransactionNo],
      ["serial", data.insuranceSettlementNo],
      ["serial", data.receiptNo],
      ...data.tenders.flatMap((one) => [["order", one.merchantOrderNo] as const, ["serial", one.channelTransactionNo] as const]),
    ]),
});
