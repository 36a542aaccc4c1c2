/** What the insurance events share: the split of a settlement, and the rules that must hold to the fen. */
import type { Static } from "typebox";
import type { Problem } from "../problem.ts";
import { choice, closed, closedNotEmpty, code, fen, flag, list, maybe, name, no } from "../schema/pieces.ts";
import { checkAtMost, checkSum } from "./every-event.ts";

export const phase = () =>
  choice(["provisional", "final"], "阶段：预扣（待确认）或最终", "Phase: provisional until the partner confirms, or final");

export const amountsSchema = () =>
  closed(
    {
      total: fen("总费用", "Total"),
      fund: fen("基金支付合计", "Paid by the funds"),
      funds: list(
        closed(
          { code: code("基金代码", "Code of the fund"), name: name("基金名称", "Name of the fund"), amount: fen("支付金额", "Amount") },
          "基金",
          "Fund",
        ),
        "各基金支付明细，合计等于基金支付",
        "The funds one by one; their sum is the fund's part",
      ),
      account: fen("个人账户支付（含共济）", "Paid from the personal account, family account included"),
      accountFamily: maybe(fen("其中家庭共济账户", "Of which from the family account")),
      cash: fen("个人现金应付；不代表已付", "What the patient owes; not proof that he paid"),
      hospitalBorne: maybe(fen("医院承担", "Borne by the hospital")),
      commercial: maybe(fen("商业保险支付", "Paid by a commercial insurer")),
    },
    "金额构成：总费用 = 基金 + 账户 + 现金 + 医院承担 + 商保",
    "The split: total = fund + account + cash + hospitalBorne + commercial",
  );
export const insuredSchema = () =>
  closed(
    {
      no: no("参保人编号", "Number of the insured"),
      type: maybe(code("险种或人员类别", "Kind of insurance")),
      area: maybe(code("参保地区划", "Area of the insurance")),
      outOfArea: maybe(flag("是否异地就医", "True when treated outside that area")),
    },
    "参保人",
    "The insured",
  );

export const basisSchema = () =>
  closedNotEmpty(
    {
      inScope: maybe(fen("进入医保范围费用", "Within the insurance's scope")),
      fullSelf: maybe(fen("全自费", "Fully self-paid")),
      partialSelf: maybe(fen("先行自付", "Partly self-paid")),
      deductible: maybe(fen("起付标准自付", "Deductible")),
      overLimit: maybe(fen("超限额自付", "Above the limit")),
    },
    "计算依据，不参与合计",
    "How it was worked out; never summed",
  );

type Amounts = Static<ReturnType<typeof amountsSchema>>;

/** total = fund + account + cash + hospitalBorne + commercial; fund = Σ funds; accountFamily is contained in account. */
export function checkAmounts(at: string, amounts: Amounts): readonly Problem[] {
  const others = [amounts.hospitalBorne, amounts.commercial].filter((part) => part !== undefined);
  return [
    ...checkSum(
      `${at}/total`,
      amounts.total,
      [amounts.fund, amounts.account, amounts.cash, ...others],
      "基金、账户、现金等各部分之和不等于总费用",
      "Fund, account, cash and the other parts do not add up to the total",
    ),
    ...checkSum(
      `${at}/fund`,
      amounts.fund,
      amounts.funds.map((one) => one.amount),
      "各基金之和不等于基金支付合计",
      "The funds do not add up to the fund's part",
    ),
    ...checkAtMost(
      `${at}/accountFamily`,
      amounts.accountFamily,
      amounts.account,
      "共济支付大于账户支付",
      "The family account's part is more than the account's",
    ),
  ];
}
