/** What the events of an examination share: the procedure step that a modality performs, and what it was asked for (reference/domain.md 4.5). */
import { closed, code, dateTime, list, maybe, name, no } from "../schema/pieces.ts";
import type { Problem } from "../problem.ts";
import { checkCommon, checkUnique, type CommonData, demand } from "./every-event.ts";

/** A step answers few requests: group cases stay below it. */
const REQUESTS_MAX = 100;

const request = closed(
  {
    studyUid: no("检查实例 UID", "Study instance UID"),
    accessionNo: maybe(no("检查号（Accession Number）", "Accession number")),
    placerOrderNo: maybe(no("开单方申请单号", "Placer order number")),
    fillerOrderNo: maybe(no("执行方单号", "Filler order number")),
    requestedProcedureNo: maybe(no("申请项目号", "Requested procedure ID")),
    scheduledStepNo: maybe(no("预约步骤号", "Scheduled procedure step ID")),
    description: maybe(name("申请项目名称", "Description of the requested procedure")),
  },
  "对应的申请",
  "What it was asked for",
);

export const stepFields = {
  stepUid: no("检查步骤 UID（MPPS SOP Instance UID）", "The performed procedure step: its SOP instance UID"),
  stepNo: maybe(no("检查步骤号", "Performed procedure step ID")),
  modality: code("设备类型，如 CT、MR、US", "Modality, e.g. CT, MR, US"),
  station: closed(
    { ae: code("设备 AE", "AE title of the modality"), name: maybe(name("设备名称", "Name of the modality")) },
    "设备",
    "The modality",
  ),
  startedAt: dateTime("开始时间", "When it began"),
  requests: list(
    request,
    "对应的申请；检查号缺失即未预约检查",
    "What it was asked for; without accession number it was not scheduled",
    1,
    REQUESTS_MAX,
  ),
};

/** When a step is over. */
export const endedField = { endedAt: dateTime("结束时间", "When it ended") };

export interface StepData extends CommonData {
  readonly stepUid: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly requests: readonly {
    readonly studyUid: string;
    readonly accessionNo?: string;
    readonly placerOrderNo?: string;
    readonly fillerOrderNo?: string;
    readonly scheduledStepNo?: string;
  }[];
}

/** The rules over a step. Times are China times of one pattern: their texts compare as they do. */
export const checkStep = (data: StepData): readonly Problem[] => [
  ...checkCommon(data),
  ...checkUnique(
    "/requests",
    data.requests.map((one) => [one.studyUid, one.accessionNo, one.scheduledStepNo].join(" ")),
  ),
  ...demand(data.endedAt === undefined || data.endedAt >= data.startedAt, "bad-date", "/endedAt", "早于开始时间", "is before it began"),
];

/** What a step can be found by. */
export const stepKeys = (data: StepData): readonly (readonly ["serial" | "order", string | undefined])[] => [
  ["serial", data.stepUid],
  ...data.requests.flatMap((one) => [
    ["order", one.accessionNo] as const,
    ["order", one.placerOrderNo] as const,
    ["order", one.fillerOrderNo] as const,
    ["serial", one.studyUid] as const,
  ]),
];
