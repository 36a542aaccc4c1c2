/** What is refused where one message is looked at closely. */
import type { OperationRefusalText } from "./refusals.ts";

export type InspectRefusal = "NO_SUCH_PART";

export const INSPECT_REFUSAL: Readonly<Record<InspectRefusal, OperationRefusalText>> = {
  NO_SUCH_PART: {
    http: 404,
    zh: "该报文没有这一部分",
    en: "The message has no such part",
    next: { zh: "查看另一部分（请求或应答）", en: "Look at the other part (request or reply)" },
  },
};
