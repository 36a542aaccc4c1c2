/** Presettlement, settlement, cancellation, reversal, inquiry, totals. */
import { pooledPercent, type Shares, sharesOf } from "./shares.ts";
import {
  balanceOf,
  next,
  no,
  REVERSIBLE,
  type Settlement,
  settledBatch,
  type Told,
  told,
  type Turn,
  type Visit,
  visitOf,
  type Work,
} from "./state.ts";
import { type Fields, fenAt, textOf, yuan } from "./wire.ts";

/** What a presettlement or settlement would come to, or why not. */
export function worked(
  turn: Turn,
): { readonly visit: Visit; readonly batch: string; readonly shares: Shares; readonly insutype: string } | string {
  const { data, state, strict } = turn;
  const visit = visitOf(turn, data);
  if (typeof visit === "string") return visit;
  const batch = textOf(data, "chrg_bchno");
  if (strict && settledBatch(state, visit.mdtrtId, batch)) return "该收费批次已结算";
  const lines = [...visit.lines.values()].filter((line) => line.batch === batch);
  if (lines.length === 0) return "没有可结算的费用明细";
  const insutype = textOf(data, "insutype");
  const shares = sharesOf(lines, insutype, balanceOf(state, visit.psnNo), textOf(data, "acct_used_flag") || "0");
  if (fenAt(data, "medfee_sumamt") !== shares.total) return "医疗费总额与费用明细之和不符";
  return { visit, batch, shares, insutype };
}

function setlinfoOf(
  turn: Turn,
  one: Pick<Settlement, "psnNo" | "mdtrtId" | "insutype" | "clrType" | "msgid" | "shares" | "sign">,
  balance: bigint,
): Record<string, unknown> {
  const { data, at } = turn;
  const { shares, sign } = one;
  const signed = (fen: bigint): number => yuan(fen * sign);
  const zero = Object.fromEntries(
    ["cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay", "hifdm_pay", "hosp_part_amt"].map((name) => [name, 0]),
  );
  const certno = textOf(data, "certno");
  return {
    mdtrt_id: one.mdtrtId,
    psn_no: one.psnNo,
    psn_name: textOf(data, "psn_name") || "测试患者",
    psn_cert_type: textOf(data, "psn_cert_type") || "01",
    certno: certno || "000000000000000000",
    gend: "1",
    insutype: one.insutype,
    psn_type: textOf(data, "psn_type") || "11",
    cvlserv_flag: "0",
    setl_time: at,
    mdtrt_cert_type: textOf(data, "mdtrt_cert_type") || "02",
    med_type: textOf(data, "med_type") || "11",
    medfee_sumamt: signed(shares.total),
    fulamt_ownpay_amt: signed(shares.fullSelf),
    overlmt_selfpay: signed(shares.overLimit),
    preselfpay_amt: signed(shares.partialSelf),
    inscp_scp_amt: signed(shares.inScope),
    act_pay_dedc: 0,
    hifp_pay: signed(shares.fund),
    pool_prop_selfpay: Number(pooledPercent(one.insutype)) / 100,
    ...zero,
    fund_pay_sumamt: signed(shares.fund),
    psn_part_amt: signed(shares.account + shares.cash),
    acct_pay: signed(shares.account),
    balc: yuan(balance),
    acct_mulaid_pay: signed(shares.family),
    medins_setl_id: one.msgid,
    clr_optins: "990101",
    clr_way: "1",
    clr_type: one.clrType,
    exp_content: "",
  };
}
const setldetailOf = ({ shares, insutype, sign }: Pick<Settlement, "shares" | "insutype" | "sign">): readonly Fields[] =>
  shares.fund === 0n
    ? []
    : [
        {
          fund_pay_type: insutype === "390" ? "390102" : "310102",
          inscp_scp_amt: yuan(shares.inScope * sign),
          crt_payb_lmt_amt: 0,
          fund_payamt: yuan(shares.fund * sign),
          fund_pay_type_name: insutype === "390" ? "居民门诊统筹基金" : "职工门诊统筹基金",
          setl_proc_info: "",
        },
      ];
const clrTypeOf = (infno: string): string => (infno.startsWith("23") ? "21" : "11");

export const presettle: Work = (turn) => {
  const found = worked(turn);
  if (typeof found === "string") return no(turn, found);
  const { visit, shares, insutype, batch } = found;
  const one = {
    psnNo: visit.psnNo,
    mdtrtId: visit.mdtrtId,
    insutype,
    clrType: clrTypeOf(turn.asked.infno),
    msgid: turn.asked.msgid,
    shares,
    sign: 1n as const,
  };
  const info = setlinfoOf(turn, one, balanceOf(turn.state, visit.psnNo) - shares.account);
  return told(turn, {
    order: batch || visit.mdtrtId,
    amount: shares.total,
    shares,
    output: { setlinfo: { ...info, psn_cash_pay: yuan(shares.cash) }, setldetail: setldetailOf(one) },
  });
};

/** The sums of 2204 that 2207 repeats: the centre works them out again. */
function basisDiffers({ data, strict }: Turn, shares: Shares): boolean {
  if (!strict) return false;
  const repeated = {
    fulamt_ownpay_amt: shares.fullSelf,
    overlmt_selfpay: shares.overLimit,
    preselfpay_amt: shares.partialSelf,
    inscp_scp_amt: shares.inScope,
  };
  return Object.entries(repeated).some(([name, fen]) => fenAt(data, name) !== fen);
}

export const settle: Work = (turn) => {
  const { state, asked, at, data } = turn;
  const found = worked(turn);
  if (typeof found === "string") return no(turn, found, { order: textOf(data, "chrg_bchno") || null });
  const { visit, shares, insutype, batch } = found;
  if (basisDiffers(turn, shares)) return no(turn, "全自费、超限价、先行自付、符合范围金额与明细不符", { order: batch });
  const one: Settlement = {
    setlId: next(state, "SE", at),
    msgid: asked.msgid,
    infno: asked.infno,
    psnNo: visit.psnNo,
    mdtrtId: visit.mdtrtId,
    batch,
    insutype,
    clrType: clrTypeOf(asked.infno),
    at,
    shares,
    sign: 1n,
    invoice: textOf(data, "invono"),
    reversedBy: null,
  };
  state.settlements.push(one);
  state.balances.set(visit.psnNo, balanceOf(state, visit.psnNo) - shares.account);
  const info = setlinfoOf(turn, one, balanceOf(state, visit.psnNo));
  return told(turn, {
    effect: true,
    order: batch || visit.mdtrtId,
    amount: shares.total,
    serial: one.setlId,
    shares,
    output: { setlinfo: { ...info, psn_cash_pay: yuan(shares.cash), setl_id: one.setlId }, setldetail: setldetailOf(one) },
  });
};

/** Takes a settlement back; the counter-entry has the number that is answered. */
function takeBack(turn: Turn, original: Settlement): Settlement {
  const { state, asked, at } = turn;
  const back: Settlement = {
    ...original,
    setlId: next(state, "SE", at),
    msgid: asked.msgid,
    infno: asked.infno,
    at,
    sign: -1n,
    reversedBy: null,
  };
  original.reversedBy = back.setlId;
  state.settlements.push(back);
  state.balances.set(original.psnNo, balanceOf(state, original.psnNo) + original.shares.account);
  return back;
}
const about = (one: Settlement): Partial<Told> => ({
  effect: true,
  order: one.batch || one.mdtrtId,
  amount: one.shares.total,
  shares: one.shares,
});

export const cancel: Work = (turn) => {
  const { data, state } = turn;
  const original = state.settlements.find((one) => one.setlId === textOf(data, "setl_id") && one.sign === 1n);
  if (!original || original.mdtrtId !== textOf(data, "mdtrt_id") || original.psnNo !== textOf(data, "psn_no"))
    return no(turn, "未查询到结算信息");
  if (original.reversedBy !== null && turn.strict) return no(turn, "该结算已撤销", { order: original.batch });
  const back = takeBack(turn, original);
  const info = setlinfoOf(turn, back, balanceOf(state, original.psnNo));
  return told(turn, {
    ...about(back),
    serial: back.setlId,
    output: { setlinfo: { ...info, pdn_cash_pay: yuan(-back.shares.cash), setl_id: back.setlId }, setldetail: setldetailOf(back) },
  });
};

export const reverse: Work = (turn) => {
  const { data, state } = turn;
  const oinfno = textOf(data, "oinfno");
  if (!REVERSIBLE.includes(oinfno)) return no(turn, `交易 ${oinfno} 不可冲正`);
  const original = state.settlements.find(
    (one) => one.msgid === textOf(data, "omsgid") && one.infno === oinfno && one.psnNo === textOf(data, "psn_no") && one.sign === 1n,
  );
  if (!original) return no(turn, "未找到被冲正的交易");
  if (original.reversedBy !== null)
    return turn.strict ? told(turn, { order: original.batch, amount: original.shares.total }) : told(turn, about(takeBack(turn, original)));
  return told(turn, about(takeBack(turn, original)));
};

export const inquiry: Work = (turn) => {
  const { data, state } = turn;
  const setlId = textOf(data, "setl_id");
  const found = state.settlements.findLast(
    (one) =>
      one.sign === 1n &&
      one.psnNo === textOf(data, "psn_no") &&
      one.mdtrtId === textOf(data, "mdtrt_id") &&
      (setlId === "" || one.setlId === setlId),
  );
  if (!found) return no(turn, "未查询到结算信息");
  const {
    hosp_part_amt: _hospital,
    psn_part_amt: _part,
    hifdm_pay: _disabled,
    ...info
  } = setlinfoOf({ ...turn, at: found.at }, found, balanceOf(state, found.psnNo));
  const { shares } = found;
  const setlinfo = {
    ...info,
    setl_id: found.setlId,
    fixmedins_code: "H99990100001",
    fixmedins_name: "示例市第一人民医院",
    pay_loc: "2",
    begndate: found.at.slice(0, 10),
    enddate: found.at.slice(0, 10),
    psn_pay: yuan(shares.account + shares.cash),
    cash_payamt: yuan(shares.cash),
    refd_setl_flag: found.reversedBy === null ? "0" : "1",
    year: found.at.slice(0, 4),
    invono: found.invoice,
  };
  return told(turn, {
    order: found.batch || found.mdtrtId,
    amount: shares.total,
    serial: found.setlId,
    output: { setlinfo, setldetail: setldetailOf(found) },
  });
};

export const totals: Work = (turn) => {
  const { data, state } = turn;
  const [from, to] = [textOf(data, "stmt_begndate"), textOf(data, "stmt_enddate")];
  const rows = state.settlements.filter(
    (one) =>
      one.insutype === textOf(data, "insutype") &&
      one.clrType === textOf(data, "clr_type") &&
      one.at.slice(0, 10) >= from &&
      one.at.slice(0, 10) <= to,
  );
  const sum = (part: (shares: Shares) => bigint): bigint => rows.reduce((all, one) => all + part(one.shares) * one.sign, 0n);
  const differs = [
    ["医疗费总额", fenAt(data, "medfee_sumamt") === sum((one) => one.total)],
    ["基金支付总额", fenAt(data, "fund_pay_sumamt") === sum((one) => one.fund)],
    ["个人账户支付金额", fenAt(data, "acct_pay") === sum((one) => one.account)],
    ["结算笔数", textOf(data, "fixmedins_setl_cnt") === String(rows.length)],
  ].flatMap(([name, equal]) => (equal === true ? [] : [String(name)]));
  const equal = differs.length === 0;
  return told(turn, {
    output: {
      stmtinfo: {
        setl_optins: textOf(data, "setl_optins"),
        stmt_rslt: equal ? "0" : "1",
        stmt_rslt_dscr: equal ? "" : `${differs.join("、")}不一致`,
      },
    },
  });
};
