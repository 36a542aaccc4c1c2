/** What the events of a registration (挂号) share: which slot of the schedule, and what it costs. */
import Type from "typebox";
import { choice, closed, code, date, fen, maybe, no, says } from "../schema/pieces.ts";
import { checkSum, demand } from "./every-event.ts";
import type { Problem } from "../problem.ts";

const timeOfDay = (zh: string, en: string) => Type.String({ ...says(zh, en), pattern: "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$" });

export const slot = () =>
  closed(
    {
      scheduleNo: no("排班号", "Number of the schedule entry"),
      dept: maybe(code("科室编码", "Code of the department")),
      doctor: maybe(code("医生编码", "Code of the doctor")),
      day: maybe(date("出诊日期", "Day of the visit")),
      period: maybe(code("时段（对方编码）", "Part of the day, by the partner's code")),
      from: maybe(timeOfDay("分时开始", "Begins at")),
      to: maybe(timeOfDay("分时结束", "Ends at")),
    },
    "号源",
    "The slot",
  );

export const fees = () =>
  closed(
    { registration: fen("挂号费", "Registration fee"), treatment: fen("诊疗费", "Treatment fee") },
    "费用",
    "Fees; nothing of them is paid yet",
  );

export const mode = () =>
  choice(["same-day", "booked", "booked-from-lock"], "当日挂号、预约、锁号后预约", "For today, booked ahead, booked from a locked slot");

export const level = () => choice(["ordinary", "expert", "emergency"], "普通、专家、急诊", "Ordinary, expert, emergency");

/** The slot begins before it ends; the fees add up. */
export const checkSlot = (data: {
  readonly slot?: { readonly from?: string; readonly to?: string };
  readonly fees?: { readonly registration: string; readonly treatment: string };
  readonly total?: string;
}): readonly Problem[] => [
  ...demand(
    data.slot?.from === undefined || data.slot.to === undefined || data.slot.from <= data.slot.to,
    "bad-date",
    "/slot/to",
    "分时结束早于开始",
    "The slot ends before it begins",
  ),
  ...(data.fees === undefined || data.total === undefined
    ? []
    : checkSum(
        "/total",
        data.total,
        [data.fees.registration, data.fees.treatment],
        "各项费用之和不等于合计",
        "The fees do not add up to the total",
      )),
];
