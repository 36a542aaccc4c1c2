/**
 * 医保请求: somebody of the hospital asks that the insurer be asked. Inside the engine only: it carries credentials, which must be sent whole, so flows owe
 * write-backs by it and do not publish it (docs/decisions/017).
 */
import { choice, closed, code, fen, maybe, name, no } from "../../schema/pieces.ts";
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

export const definition = defineEvent({
  type: "insurance.requested",
  title: { zh: "请求医保", en: "Insurance requested" },
  meaning: {
    zh: "院方请求医保预结算或结算；含凭证号码，只在引擎内部使用，不对外发布",
    en: "The hospital asks for a presettlement or settlement; it holds credentials, so it stays inside the engine and is not published",
  },
  data: dataMaybeBusiness({
    requestNo: no("请求号", "The request's number"),
    step: choice(["presettle", "settle"], "请求的步骤：预结算、结算", "Which step is asked for"),
    insured: insuredSchema(),
    claim,
    total: fen("医疗费总额", "Total"),
    basis: maybe(basisSchema()),
  }),
  expected: ["business", "patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...demand(data.bills.length > 0, "missing", "/bills", "须指明单据", "needs the bill"),
    ...demand(
      data.step === "presettle" || data.basis !== undefined,
      "missing",
      "/basis",
      "结算须带预结算的计算依据",
      "a settlement repeats the basis of its presettlement",
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.requestNo],
      ["serial", data.claim.visitId],
      ["patient", data.insured.no],
    ]),
});
