/** 取消挂号: a registration is taken back. Money already paid comes back by payment.refunded. */
import { maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "registration.cancelled",
  title: { zh: "挂号已取消", en: "Registration cancelled" },
  meaning: {
    zh: "挂号已取消；已付款项的退还以 payment.refunded 为准",
    en: "A registration is taken back; money already paid comes back by payment.refunded",
  },
  data: dataWithBusiness({
    registrationNo: no("挂号订单号", "Number of the registration"),
    hisRegistrationNo: maybe(no("院方挂号单号", "The HIS's number of it")),
    reason: maybe(text("原因", "Reason")),
  }),
  expected: ["patient", "visit"],
  check: (data) => checkCommon(data),
  keys: (data) =>
    keysOf(data, [
      ["serial", data.registrationNo],
      ["serial", data.hisRegistrationNo],
    ]),
});
