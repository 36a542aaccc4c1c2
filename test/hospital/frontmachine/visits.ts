/** Signing in, persons, visits and fees. */
import { splitLine, type FeeLine } from "./shares.ts";
import {
  balanceOf,
  digitsOf,
  isPerson,
  next,
  no,
  psnOfCert,
  settledBatch,
  told,
  type Turn,
  type Visit,
  visitOf,
  type Work,
} from "./state.ts";
import { countAt, type Fields, fenAt, objectAt, rowsAt, textOf, yuan } from "./wire.ts";

export const signIn: Work = (turn) => {
  const { state, asked, at } = turn;
  const opter = textOf(objectAt(asked.input, "signIn"), "opter_no");
  if (opter === "") return no(turn, "操作员编号不能为空");
  const day = digitsOf(at).slice(0, 8);
  const known = state.signs.get(opter);
  const signNo = known?.startsWith(`990101${day}`) ? known : `990101${day}${String(state.signs.size + 1).padStart(4, "0")}`;
  state.signs.set(opter, signNo);
  return told(turn, { effect: known !== signNo, output: { signinoutb: { sign_time: at, sign_no: signNo } } });
};
export const signOut: Work = (turn) => {
  const { state, asked, at } = turn;
  const opter = textOf(objectAt(asked.input, "signOut"), "opter_no");
  if (!state.signs.delete(opter)) return no(turn, "当天没有签到信息");
  return told(turn, { effect: true, output: { sign_time: at } });
};

export const person: Work = (turn) => {
  const { data, state } = turn;
  const certno = textOf(data, "certno");
  if (!/^99[0-9]{15}[0-9X]$/.test(certno)) return no(turn, "未查询到该人员的参保信息");
  const psnNo = psnOfCert(certno);
  const birth = `${certno.slice(6, 10)}-${certno.slice(10, 12)}-${certno.slice(12, 14)}`;
  return told(turn, {
    output: {
      baseinfo: {
        psn_no: psnNo,
        psn_cert_type: "01",
        certno,
        psn_name: textOf(data, "psn_name"),
        gend: "1",
        naty: "01",
        brdy: birth,
        age: 36.8,
        exp_content: "",
      },
      insuinfo: [
        {
          balc: yuan(balanceOf(state, psnNo)),
          insutype: "310",
          psn_type: "11",
          psn_insu_stas: "1",
          psn_insu_date: "2015-07-01",
          paus_insu_date: "",
          cvlserv_flag: "0",
          insuplc_admdvs: "990101",
          emp_name: "示例单位",
        },
      ],
      idetinfo: [],
    },
  });
};

function openVisit(turn: Turn, node: Fields, numberField: string): Visit | string {
  const { state, at } = turn;
  const psnNo = textOf(node, "psn_no");
  const no = textOf(node, numberField);
  if (!isPerson(psnNo)) return "未查询到该人员的参保信息";
  if (no === "") return "院内就诊流水号不能为空";
  if ([...state.visits.values()].some((visit) => visit.open && visit.no === no && turn.strict)) return "该就诊已登记";
  const visit: Visit = { mdtrtId: next(state, "MD", at), psnNo, no, open: true, lines: new Map() };
  state.visits.set(visit.mdtrtId, visit);
  return visit;
}
export const register: Work = (turn) => {
  const visit = openVisit(turn, turn.data, "ipt_otp_no");
  if (typeof visit === "string") return no(turn, visit);
  return told(turn, {
    effect: true,
    serial: visit.mdtrtId,
    output: { data: { mdtrt_id: visit.mdtrtId, psn_no: visit.psnNo, ipt_otp_no: visit.no, exp_content: "" } },
  });
};
export const admit: Work = (turn) => {
  const visit = openVisit(turn, objectAt(turn.asked.input, "mdtrtinfo"), "ipt_no");
  if (typeof visit === "string") return no(turn, visit);
  return told(turn, { effect: true, serial: visit.mdtrtId, output: { result: { mdtrt_id: visit.mdtrtId, exp_content: "" } } });
};

export const close: Work = (turn) => {
  const node = turn.asked.infno === "2402" ? objectAt(turn.asked.input, "dscginfo") : turn.data;
  const visit = visitOf(turn, node);
  if (typeof visit === "string") return no(turn, visit);
  if (
    (turn.asked.infno === "2202" || turn.asked.infno === "2404") &&
    turn.state.settlements.some((one) => one.mdtrtId === visit.mdtrtId && one.reversedBy === null && one.sign === 1n)
  )
    return no(turn, turn.asked.infno === "2202" ? "存在未撤销的结算，不能撤销挂号" : "存在未撤销的结算，不能撤销入院");
  visit.open = false;
  return told(turn, { effect: true, serial: visit.mdtrtId });
};
/** 2405: a discharge taken back. */
export const reopen: Work = (turn) => {
  const visit = turn.state.visits.get(textOf(turn.data, "mdtrt_id"));
  if (!visit || visit.psnNo !== textOf(turn.data, "psn_no")) return no(turn, "未查询到就诊登记信息");
  if (visit.open) return no(turn, "该就诊尚未出院");
  visit.open = true;
  return told(turn, { effect: true, serial: visit.mdtrtId });
};
export const diagnose: Work = (turn) => {
  const visit = visitOf(turn, objectAt(turn.asked.input, "mdtrtinfo"));
  return typeof visit === "string" ? no(turn, visit) : told(turn, { serial: visit.mdtrtId });
};

export const fees: Work = (turn) => {
  const rows = rowsAt(turn.asked.input, "feedetail");
  const [first] = rows;
  if (!first) return no(turn, "费用明细不能为空");
  const added: [Visit, FeeLine & { batch: string }][] = [];
  for (const row of rows) {
    const visit = visitOf(turn, row);
    if (typeof visit === "string") return no(turn, visit);
    const amount = fenAt(row, "det_item_fee_sumamt");
    const count = countAt(row, "cnt");
    const sn = textOf(row, "feedetl_sn");
    const batch = textOf(row, "chrg_bchno");
    if (amount === null || count === null || sn === "") return no(turn, "明细金额、数量或流水号不合法");
    if (settledBatch(turn.state, visit.mdtrtId, batch)) return no(turn, "该收费批次已结算");
    if (turn.strict && (visit.lines.has(sn) || added.some(([, line]) => line.sn === sn))) return no(turn, `费用明细流水号 ${sn} 重复`);
    added.push([visit, { sn, code: textOf(row, "med_list_codg"), amount, count, batch }]);
  }
  for (const [visit, line] of added) visit.lines.set(line.sn, line);
  const result = added.map(([, line], index) => {
    const split = splitLine(line);
    const lab = line.code.startsWith("L");
    return {
      feedetl_sn: line.sn,
      det_item_fee_sumamt: yuan(line.amount),
      cnt: Number(textOf(rows[index], "cnt")),
      pric: Number(textOf(rows[index], "pric")),
      pric_uplmt_amt: lab ? 88 : 999_999,
      selfpay_prop: line.code.startsWith("X") ? 0.1 : 0,
      fulamt_ownpay_amt: yuan(split.fullSelf),
      overlmt_amt: yuan(split.overLimit),
      preselfpay_amt: yuan(split.partialSelf),
      inscp_scp_amt: yuan(split.inScope),
      chrgitm_lv: line.code.startsWith("Z") ? "03" : line.code.startsWith("X") ? "02" : "01",
      med_chrgitm_type: lab ? "04" : line.code.startsWith("X") ? "09" : "14",
      lmt_used_flag: "0",
      memo: "",
    };
  });
  return told(turn, {
    effect: true,
    order: textOf(first, "chrg_bchno") || null,
    amount: added.reduce((sum, [, line]) => sum + line.amount, 0n),
    output: { result },
  });
};
export const unfees: Work = (turn) => {
  const rows = rowsAt(turn.asked.input, "data");
  let gone = 0;
  for (const row of rows) {
    const visit = visitOf(turn, row);
    if (typeof visit === "string") return no(turn, visit);
    const batch = textOf(row, "chrg_bchno");
    const sn = textOf(row, "feedetl_sn");
    if (batch !== "" && batch !== "0000" && settledBatch(turn.state, visit.mdtrtId, batch)) return no(turn, "已参与结算的明细不能撤销");
    for (const line of [...visit.lines.values()]) {
      const meant = batch !== "" ? batch === "0000" || line.batch === batch : sn === "0000" || line.sn === sn;
      if (meant && !settledBatch(turn.state, visit.mdtrtId, line.batch) && visit.lines.delete(line.sn)) gone += 1;
    }
  }
  return told(turn, { effect: gone > 0 });
};
