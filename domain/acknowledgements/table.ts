/** The rulings as people read them: a section of docs/outcomes.md, made from the code that decides. */
import type { Receipt } from "../writeback/ports.ts";
import { type AcknowledgementRuling, type AcknowledgementState, type Move, rule, type Saying, type Standing } from "./ruling.ts";

interface Bilingual {
  readonly zh: string;
  readonly en: string;
}

const ACKNOWLEDGEMENT_MEANING: Readonly<Record<AcknowledgementState, Bilingual>> = {
  applied: { zh: "正是所等的应答", en: "the answer that was awaited" },
  early: {
    zh: "早到：本次发送的应答尚未收到；在途尝试的结果不再改变任何事",
    en: "came while the send's own reply was outstanding; that attempt changes nothing any more",
  },
  late: {
    zh: "迟到：已重发、已查询或已停放之后才到",
    en: "came after the answer was overdue: it had been sent again, asked for or parked",
  },
  duplicate: { zh: "重复：已知，不改变任何事", en: "told before; nothing changed" },
  differs: {
    zh: "矛盾：金额、流水号或凭据号不同，或与拒绝、取消相反",
    en: "contradicts what is known: other amount, serial or receipt, or a proof of what was rejected or cancelled",
  },
  unexpected: { zh: "对不上：我方并不欠该伙伴这一笔，或从未发出", en: "names nothing that we owe this partner, or that we ever sent" },
  unclear: { zh: "无法判断：按应答约定证明不了什么", en: "names it, but proves nothing by its contract" },
};

const SAYING: Readonly<Record<Saying, Bilingual>> = {
  done: { zh: "已处理，金额与流水号相符", en: "done; amount and serial agree" },
  rejected: { zh: "拒绝", en: "rejected" },
  other: { zh: "金额或流水号不同", en: "another amount or serial" },
  pending: { zh: "仍在处理", en: "still at work" },
  nothing: { zh: "读不出结果", en: "nothing by its contract" },
};

const MOVE: Readonly<Record<Move, Bilingual>> = {
  finish: { zh: "确认，下一笔继续", en: "acknowledged; the next of its lane goes" },
  "park-rejected": { zh: "停放 REJECTED", en: "parks: REJECTED" },
  "park-differs": { zh: "停放 RECEIPT_DIFFERS", en: "parks: RECEIPT_DIFFERS" },
  "repark-rejected": { zh: "仍停放，原因改为 REJECTED", en: "stays parked, now as REJECTED" },
  "repark-differs": { zh: "仍停放，原因改为 RECEIPT_DIFFERS", en: "stays parked, now as RECEIPT_DIFFERS" },
  none: { zh: "不变", en: "unchanged" },
};

const TOLD: Receipt = { code: "0", partnerNo: "A" };

interface Where extends Bilingual {
  readonly standing: Standing;
  readonly told: Receipt;
}
const where = (zh: string, en: string, standing: Partial<Standing> & Pick<Standing, "state">): Where => ({
  zh,
  en,
  standing: { sent: true, firstSend: false, ...standing },
  told: TOLD,
});

/** The standings that are told apart. */
const WHERES: readonly Where[] = [
  where("从未发出", "never sent", { state: "waiting", sent: false }),
  where("等待后续应答", "deferred", { state: "deferred" }),
  where("首次发送中", "being sent for the first time", { state: "sending", firstSend: true }),
  where("重发或查询中", "being sent again or asked for", { state: "sending" }),
  where("等待重发或查询", "waiting to be sent again or asked for", { state: "waiting" }),
  where("停放：结果不明", "parked as unclear", { state: "parked", parked: "ANSWER_OVERDUE" }),
  where("停放：对方已拒绝", "parked as rejected", { state: "parked", parked: "REJECTED" }),
  where("停放：金额或流水号不符", "parked as differing", { state: "parked", parked: "RECEIPT_DIFFERS" }),
  where("已确认，同一凭据", "acknowledged by the same receipt", { state: "acknowledged", receipt: TOLD }),
  where("已确认，另一凭据", "acknowledged by another receipt", { state: "acknowledged", receipt: { ...TOLD, partnerNo: "B" } }),
  where("人工完成", "done by hand", { state: "resolved", resolution: "done-by-hand" }),
  where("人工取消或被冲抵", "cancelled or superseded", { state: "resolved", resolution: "cancelled" }),
];

const SAYINGS: readonly Saying[] = ["done", "rejected", "other", "pending", "nothing"];

/** Every saying in every standing, as the code rules. */
export const acknowledgementRows = (): readonly {
  readonly saying: Saying;
  readonly standing: Where;
  readonly ruling: AcknowledgementRuling;
}[] =>
  SAYINGS.flatMap((saying) => WHERES.map((standing) => ({ saying, standing, ruling: rule(saying, standing.standing, standing.told) })));

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** The section of docs/outcomes.md. */
export function acknowledgementsMarkdown(): readonly string[] {
  const head = ["write-back", ...SAYINGS.map((saying) => `${SAYING[saying].zh}<br>${SAYING[saying].en}`)];
  const rows = acknowledgementRows();
  const body = WHERES.map((standing) =>
    row(
      `${standing.zh}<br>${standing.en}`,
      ...SAYINGS.map((saying) => {
        const found = rows.find((one) => one.saying === saying && one.standing === standing)?.ruling;
        return found === undefined
          ? ""
          : found.move === "none"
            ? `\`${found.state}\``
            : `\`${found.state}\`: ${MOVE[found.move].zh} · ${MOVE[found.move].en}`;
      }),
    ),
  );
  return [
    "## 另行到达的确认 · Acknowledgements that come on their own way",
    "By AMQP message (`<partner>.<kind>`) or HTTP callback (`POST /partners/<partner>/acknowledgements/<kind>`), as `vendor.json` declares under `acknowledgements`. Both are journaled first, then read by the reply contract of what they acknowledge, found by key, serial or the partner's own number, and applied in one transaction. Amount and serial must be told and agree: no connection vouches for them.",
    Object.entries(ACKNOWLEDGEMENT_MEANING)
      .map(([state, { zh, en }]) => `- \`${state}\` ${zh} · ${en}`)
      .join("\n"),
    [row(...head), row(...head.map(() => "---")), ...body].join("\n"),
    "A message that ends as `unexpected`, `unclear`, or `differs` without parking its write-back is parked itself (UNEXPECTED_ACKNOWLEDGEMENT, ACKNOWLEDGEMENT_UNCLEAR, ACKNOWLEDGEMENT_DIFFERS) until a person replays or closes it; all the others are settled. `huiliu acknowledgements` lists every one, and `huiliu_acknowledgements_total` counts them by state.",
    "When nothing comes within `deferredMs` (30 minutes unless the profile says otherwise), the row `unclear` of the table above decides: send again under the same key, ask, or park as ANSWER_OVERDUE. A proof that comes after that still counts.",
  ];
}
