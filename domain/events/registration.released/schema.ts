/** 解锁: a locked slot is free again. */
import { maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "registration.released",
  title: { zh: "号源已释放", en: "Slot released" },
  meaning: { zh: "锁定的号源已释放，未挂号", en: "A locked slot is free again; nothing was booked" },
  data: dataWithBusiness({
    lockNo: no("锁号单号", "Number of the lock"),
    reason: maybe(text("原因", "Reason")),
  }),
  expected: ["patient", "visit"],
  check: (data) => checkCommon(data),
  keys: (data) => keysOf(data, [["serial", data.lockNo]]),
});
