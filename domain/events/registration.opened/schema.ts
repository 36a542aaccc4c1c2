/** 就诊已登记: a visit, and the account its charges go to, is open. No money moves; it tells which patient, visit and insurance plan later charges are about. */
import { choice, closedNotEmpty, code, maybe, name, no } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "registration.opened",
  title: { zh: "就诊已登记", en: "Visit registered" },
  meaning: {
    zh: "患者已登记就诊或入院，费用账户已开；登记不等于挂号费已收",
    en: "A patient's visit is registered and the account for its charges is open; registered is not paid",
  },
  data: dataMaybeBusiness({
    registrationNo: no("登记号（就诊号或账户号）", "Number of the registration (the visit's or the account's)"),
    accountNo: maybe(no("费用账户号", "Number of the account for charges")),
    trigger: choice(
      ["registered", "admitted", "preadmitted", "account-opened"],
      "由何而来：门诊登记、入院、预入院、开户",
      "What happened: registered, admitted, pre-admitted, account opened",
    ),
    dept: maybe(code("就诊科室编码", "Code of the department")),
    attending: maybe(person("接诊医生", "Attending doctor")),
    insurance: maybe(
      closedNotEmpty(
        {
          planCode: maybe(code("险种编码", "Code of the insurance plan")),
          planName: maybe(name("险种名称", "Name of the insurance plan")),
          area: maybe(code("统筹区编码", "Code of the insurance area")),
        },
        "医保",
        "Insurance",
      ),
    ),
  }),
  expected: ["patient", "visit"],
  check: (data) => [...checkCommon(data)],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.registrationNo],
      ["serial", data.accountNo],
    ]),
});
