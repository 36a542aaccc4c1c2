/**
 * 医保请求: somebody of the hospital asks that the insurer be asked. Inside the engine only: it carries credentials, which must be sent whole, so flows owe
 * write-backs by it and do not publish it (docs/decisions/017).
 */
import { choice, closed, code, fen, flag, maybe, name, no, word } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, demand, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { basisSchema, insuredSchema } from "../insurance.ts";

const claim = closed(
  {
    visitId: no("就诊ID（mdtrt_id）", "The insurer's number of the visit"),
    batch: no("收费批次号（chrg_bchno）", "Charge batch"),
    medicalType: code("医疗类别", "Kind of treatment"),
    settleWay: code("个人结算方式", "Way of settling"),
    useAccount: code("个人账户使用标志", "Whether the personal account is used"),
    personType: maybe(code("人员类别", "Kind of person")),
    personName: maybe(name("人员姓名", "The person's name")),
    invoiceNo: maybe(no("发票号", "Invoice number")),
    credential: closed(
      {
        type: code("就诊凭证类型", "Kind of credential"),
        no: no("就诊凭证编号", "Number of the credential"),
        serial: maybe(no("卡识别码", "Serial of the card")),
      },
      "就诊凭证",
      "What the patient proved himself with",
    ),
    certificate: closed(
      { type: code("证件类型", "Kind of certificate"), no: no("证件号码", "Number of the certificate") },
      "证件",
      "Certificate",
    ),
  },
  "结算要素：每一步都须原样再报一次",
  "What the insurer must be told again at every step",
);

const settlement = closed(
  {
    dialect: word("接口方言，如 neusoft、chongqing", "Dialect of the interface, e.g. neusoft, chongqing"),
    medicalType: code("医疗类别（东软、重庆的代码由映射给出）", "Kind of treatment, in the interface's own code"),
    useAccount: flag("是否用个人账户支付", "Whether the personal account pays"),
    insuranceType: maybe(code("险种类别", "Kind of insurance")),
    diagnosis: maybe(closed({ code: code("诊断编码", "Code"), name: name("诊断名称", "Name") }, "出院或门诊诊断", "Diagnosis")),
    lines: maybe(no("明细总条数", "How many lines the bill has")),
    originalNo: maybe(no("撤销时：原结算的中心流水号", "To cancel: the insurer's number of the settlement")),
  },
  "动态库接口的结算要素（东软、重庆等）",
  "What an interface through a DLL is told (Neusoft, Chongqing and the like)",
);

/** The national interface. */
const cancels = closed(
  {
    settlementNo: no("要撤销的结算ID", "The settlement that is to be cancelled"),
    visitId: no("就诊ID（mdtrt_id）", "The insurer's number of the visit"),
  },
  "要撤销的结算（国家接口）",
  "What is to be cancelled (national interface)",
);

/** The mobile payment platform. */
const refunds = closed(
  {
    payOrder: no("支付订单号（payOrdId）", "The platform's number of the payment order"),
    refundNo: no("应用退款流水号（appRefdSn）", "The refund's number"),
    token: no("电子凭证授权令牌（ecToken）", "Token of the electronic credential"),
    payToken: no("支付令牌（payToken），查询用", "Token of the payment, for inquiries"),
    fund: fen("退基金", "From the funds"),
    account: fen("退个人账户", "To the personal account"),
    cash: fen("退现金", "Cash"),
    certificate: closed(
      { type: code("证件类型", "Kind of certificate"), no: no("证件号码", "Number of the certificate"), name: name("姓名", "Name") },
      "证件，查询用",
      "Certificate, for inquiries",
    ),
  },
  "移动支付退费",
  "A refund of a mobile payment",
);

export const definition = defineEvent({
  type: "insurance.requested",
  title: { zh: "请求医保", en: "Insurance requested" },
  meaning: {
    zh: "院方请求医保预结算或结算；含凭证号码，只在引擎内部使用，不对外发布",
    en: "The hospital asks for a presettlement or settlement; it holds credentials, so it stays inside the engine and is not published",
  },
  data: dataMaybeBusiness({
    requestNo: no("请求号", "The request's number"),
    step: choice(["presettle", "settle", "cancel", "refund"], "请求的步骤：预结算、结算、撤销、移动支付退费", "Which step is asked for"),
    insured: maybe(insuredSchema()),
    claim: maybe(claim),
    settlement: maybe(settlement),
    cancels: maybe(cancels),
    refunds: maybe(refunds),
    total: fen("医疗费总额", "Total"),
    basis: maybe(basisSchema()),
  }),
  expected: ["business", "patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...demand(
      [data.claim, data.settlement, data.cancels, data.refunds].filter((one) => one !== undefined).length === 1,
      "missing",
      "/claim",
      "须恰有 claim、cancels、refunds（国家接口）、settlement（动态库接口）之一",
      "exactly one of claim, cancels, refunds (national interface) and settlement (interface through a DLL)",
    ),
    ...demand(
      data.claim === undefined || data.insured !== undefined,
      "missing",
      "/insured",
      "国家接口须带参保人",
      "the national interface needs the insured",
    ),
    ...demand(
      (data.cancels === undefined) === (data.step !== "cancel") || data.settlement !== undefined,
      "missing",
      "/cancels",
      "撤销须指明原结算，其他步骤不带",
      "a cancellation names its settlement, other steps do not",
    ),
    ...demand(
      (data.refunds === undefined) === (data.step !== "refund"),
      "missing",
      "/refunds",
      "移动支付退费须指明原支付订单，其他步骤不带",
      "a refund names its payment order, other steps do not",
    ),
    ...demand(data.bills.length > 0, "missing", "/bills", "须指明单据", "needs the bill"),
    ...demand(
      data.step !== "settle" || data.claim === undefined || data.basis !== undefined,
      "missing",
      "/basis",
      "结算须带预结算的计算依据",
      "a settlement repeats the basis of its presettlement",
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.requestNo],
      ["serial", data.claim?.visitId ?? data.cancels?.visitId],
      ["serial", data.cancels?.settlementNo],
      ["serial", data.refunds?.payOrder],
      ["serial", data.refunds?.refundNo],
      ["patient", data.insured?.no],
    ]),
});
