/** 退款成功: money went back to the payer. */
import { choice, closed, date, dateTime, fen, flag, list, maybe, no, text } from "../../schema/pieces.ts";
import { checkAtMost, checkCommon, checkSum, dataWithBusiness, demand, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { CHANNELS, NUMBERED_CHANNELS } from "../tenders.ts";

const tender = closed(
  {
    channel: choice(CHANNELS, "退款渠道", "Channel"),
    amount: fen("退款金额", "Amount refunded"),
    channelRefundNo: maybe(no("渠道退款号", "The channel's refund number")),
    route: choice(["original", "batch-file", "cash", "bank"], "退款路径：原路、批量文件、现金、银行转账", "Way back of the money"),
    refundedAt: dateTime("退款时间", "When it was refunded"),
    channelDate: date("渠道账期日", "The channel's day"),
  },
  "退款方式",
  "Refund tender",
);

const original = closed(
  {
    paymentNo: no("原支付单号", "The original payment's number"),
    channelTransactionNo: maybe(no("原渠道流水号；现金没有", "The original transaction number; cash has none")),
    businessDate: maybe(
      date("原业务日期；对方不说则缺", "Business day of the original payment; absent where the partner does not tell it"),
    ),
    total: maybe(fen("原支付金额", "What the original payment captured")),
  },
  "原支付",
  "The original payment",
);

export const definition = defineEvent({
  type: "payment.refunded",
  title: { zh: "退款已成功", en: "Payment refunded" },
  meaning: {
    zh: "款项已退还付款人；金额为正，类型即方向",
    en: "Money went back to the payer; amounts are positive, the type is the sign",
  },
  data: dataWithBusiness({
    refundNo: no("退款单号", "The refund's number"),
    original,
    hisRefundNo: maybe(no("院方退款号", "The HIS's refund number")),
    tenders: list(tender, "退款方式", "Refund tenders", 1),
    total: fen("退款合计", "Total refunded"),
    refundedSoFar: maybe(fen("累计已退（含本次）", "Refunded so far, this refund included")),
    kind: choice(
      ["void", "refund", "insurance-part", "late-payment"],
      "种类：撤销、退款、退医保部分、迟到支付退回",
      "Kind: void, refund, insurance part, late payment given back",
    ),
    crossDay: maybe(flag("是否隔日退款", "True when the business day is not that of the payment")),
    reason: maybe(text("原因；对方不说则缺", "Reason; absent where the partner does not tell it")),
    requestedBy: maybe(person("申请人", "Who asked for it")),
    approvedBy: maybe(person("审批人", "Who approved it")),
    voidedInvoice: maybe(
      closed({ no: no("作废票据号", "Voided invoice"), redNo: maybe(no("红票号", "Red invoice")) }, "作废票据", "Voided invoice"),
    ),
  }),
  expected: ["patient", "visit", "original.businessDate", "crossDay"],
  check: (data) => [
    ...checkCommon(data),
    ...checkSum(
      "/total",
      data.total,
      data.tenders.map((one) => one.amount),
      "各退款方式之和不等于退款合计",
      "The tenders do not add up to the total",
    ),
    ...checkAtMost("/total", data.total, data.original.total, "退款大于原支付", "The refund is more than was paid"),
    ...checkAtMost("/refundedSoFar", data.refundedSoFar, data.original.total, "累计退款大于原支付", "More is refunded than was paid"),
    ...checkAtMost("/total", data.total, data.refundedSoFar, "本次退款大于累计已退", "The refund is more than all refunds so far"),
    ...demand(
      data.crossDay === undefined ||
        data.original.businessDate === undefined ||
        data.crossDay === (data.businessDate !== data.original.businessDate),
      "unequal",
      "/crossDay",
      "与两个业务日期不符",
      "does not fit the two business days",
    ),
    ...demand(
      data.original.channelTransactionNo !== undefined ||
        data.missing.includes("original.channelTransactionNo") ||
        !data.tenders.some((one) => one.route === "original" && NUMBERED_CHANNELS.has(one.channel)),
      "missing",
      "/original/channelTransactionNo",
      "原路退款缺少原渠道流水号，且未在 missing 中说明",
      "A refund along the original route has no original transaction number, and missing does not say so",
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.refundNo],
      ["serial", data.hisRefundNo],
      ["serial", data.original.paymentNo],
      ["serial", data.original.channelTransactionNo],
      ...data.tenders.map((one) => ["serial", one.channelRefundNo] as const),
    ]),
});
