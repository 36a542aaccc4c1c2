/** 影像到达: images of a series were sent. A sign that something was performed where the modality speaks no MPPS; it charges nothing. */
import { code, maybe, no } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "images.received",
  title: { zh: "影像已到达", en: "Images received" },
  meaning: {
    zh: "某序列有图像到达，只留元数据；每序列一个事件，不产生费用",
    en: "Images of a series came, of which only metadata are kept; one event a series, and nothing is charged",
  },
  data: dataMaybeBusiness({
    studyUid: no("检查实例 UID", "Study instance UID"),
    seriesUid: no("序列 UID", "Series instance UID"),
    accessionNo: maybe(no("检查号（Accession Number）", "Accession number")),
    modality: code("设备类型，如 CT、MR、US", "Modality, e.g. CT, MR, US"),
  }),
  expected: ["patient", "accessionNo"],
  check: checkCommon,
  keys: (data) =>
    keysOf(data, [
      ["serial", data.studyUid],
      ["serial", data.seriesUid],
      ["order", data.accessionNo],
    ]),
});
