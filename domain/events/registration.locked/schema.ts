/** 锁号: a slot of the schedule is held for a while. Nothing is booked and nothing is owed yet. */
import { fen, maybe, no } from "../../schema/pieces.ts";
import { checkCommon, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { checkSlot, fees, slot } from "../registration.ts";

export const definition = defineEvent({
  type: "registration.locked",
  title: { zh: "号源已锁定", en: "Slot locked" },
  meaning: {
    zh: "号源被暂时占用（一般十分钟）；尚未挂号，也未收费",
    en: "A slot is held for a while, usually ten minutes; nothing is booked and nothing is paid",
  },
  data: dataWithBusiness({
    lockNo: no("锁号单号", "Number of the lock"),
    slot: slot(),
    fees: maybe(fees()),
    total: maybe(fen("应收合计", "What it will cost")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [...checkCommon(data), ...checkSlot(data)],
  keys: (data) => keysOf(data, [["serial", data.lockNo]]),
});
