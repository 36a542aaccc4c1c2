/** 报文已搁置: somebody pushed a message and nothing came of it. A person must look. */
import { choice, closed, code, LINES_MAX, list, maybe, name, no, text } from "../../schema/pieces.ts";
import { dataMaybeBusiness, keysOf } from "../every-event.ts";
import { BUSINESS_KEY_KINDS, defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "message.parked",
  title: { zh: "报文已搁置", en: "Message parked" },
  meaning: { zh: "收到的报文未能产生结果，需要人工处理", en: "Somebody pushed a message and nothing came of it: a person must look" },
  data: dataMaybeBusiness({
    messageId: no("汇流报文号", "The message's id in the journal"),
    reason: closed(
      {
        code: code("原因代码", "Code of the reason"),
        text: text("原因", "The reason in words"),
        place: maybe(text("位置（对方的叫法）", "The place, in the partner's words")),
      },
      "搁置原因",
      "Why it is parked",
    ),
    kind: no("报文种类（路由键第二段）", "Kind of the message"),
    node: maybe(
      closed(
        {
          id: no("节点编号", "Id of the node"),
          type: code("节点类型", "Type of the node"),
          name: maybe(name("节点名称", "Name of the node")),
          flow: maybe(name("流程", "The flow")),
        },
        "停在哪个节点",
        "The node where it died",
      ),
    ),
    businessKeys: list(
      closed({ kind: choice(BUSINESS_KEY_KINDS, "业务键种类", "Kind of key"), value: no("业务键值", "The key") }, "业务键", "Business key"),
      "已识别的业务键，可为空数组",
      "Business keys known so far; may be empty",
      0,
      LINES_MAX,
    ),
  }),
  expected: [],
  check: () => [],
  keys: (data) => keysOf(data, [["message", data.messageId], ...data.businessKeys.map((key) => [key.kind, key.value] as const)]),
});
