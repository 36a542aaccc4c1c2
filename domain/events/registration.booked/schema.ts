/** 挂号成功（未支付）: a registration is booked; it is paid only when payment.settled says so. */
import { fen, maybe, no } from "../../schema/pieces.ts";
import { checkCommon, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { checkSlot, fees, level, mode, slot } from "../registration.ts";

export const definition = defineEvent({
  type: "registration.booked",
  title: { zh: "已挂号（未支付）", en: "Registration booked" },
  meaning: {
    zh: "挂号订单已生成；支付成功以 payment.settled 为准",
    en: "A registration is booked; it is paid only when payment.settled says so",
  },
  data: dataWithBusiness({
    registrationNo: no("挂号订单号", "Number of the registration"),
    hisRegistrationNo: maybe(no("院方挂号单号", "The HIS's number of it")),
    mode: mode(),
    level: maybe(level()),
    slot: slot(),
    fees: fees(),
    total: fen("应收合计", "What it costs"),
  }),
  expected: ["patient", "visit"],
  check: (data) => [...checkCommon(data), ...checkSlot(data)],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.registrationNo],
      ["serial", data.hisRegistrationNo],
    ]),
});
