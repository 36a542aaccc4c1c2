/**
 * A front machine in a few lines, for what the simulated one cannot be told to do (a call lost before it arrives, settlements that are hidden from 5203). It shares no
 * code with the engine; its ledger tells every effect.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

type Json = Record<string, unknown>;
export interface Line {
  readonly infno: string;
  readonly msgid: string;
  /** The patient's visit, where there is one. */
  readonly visit: string;
  readonly effect: boolean;
  /** What it answered, or how it failed to. */
  readonly answer: string;
}
/**
 * `lost`: never arrives · `dropped`: done, the answer is lost · `garbled`: done, half an answer · `held`: done, answered when `release` is called · `refused`: a business
 * refusal · `hidden`: 5203 says that there is nothing · `signed-out`: nobody is signed in any more · `401`: the gateway refuses.
 */
export type Fault = "lost" | "dropped" | "garbled" | "held" | "refused" | "hidden" | "signed-out" | "401";

export interface Machine {
  readonly url: string;
  readonly ledger: Line[];
  /** The next calls of this transaction fail so, in turn. */
  fail(infno: string, ...faults: Fault[]): void;
  /** No faults any more. */
  mend(): void;
  /** Answers what is held. */
  release(): void;
  close(): Promise<void>;
}

interface Settlement {
  readonly setlId: string;
  readonly msgid: string;
  readonly visit: string;
  readonly answer: Json;
  undone: boolean;
}

const bodyOf = async (request: IncomingMessage): Promise<Json> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Json;
};
const fen = (value: unknown): number => Math.round(Number(value) * 100);
const yuan = (amount: number): number => amount / 100;

export async function startFakeMachine(): Promise<Machine> {
  const ledger: Line[] = [];
  const faults = new Map<string, Fault[]>();
  const byMsgid = new Map<string, Settlement>();
  const undoneMsgids = new Set<string>();
  const held: (() => void)[] = [];
  let signNo: string | undefined;
  let count = 0;

  const envelope = (infcode: number | string, errMsg: string, output: unknown): Json => {
    count += 1;
    return {
      infcode,
      inf_refmsgid: `99010120261120092200${String(count).padStart(10, "0")}`,
      refmsg_time: "20261120092200350",
      respond_time: "20261120092200530",
      err_msg: errMsg,
      output,
    };
  };
  const split = (data: Json) => {
    const total = fen(data.medfee_sumamt);
    const fund = Math.floor(total * 0.6);
    const account = Math.min(total - fund, 5_000);
    return { total, fund, account, cash: total - fund - account };
  };
  const setlinfo = (data: Json, msgid: string, setlId: string | undefined): Json => {
    const { total, fund, account, cash } = split(data);
    const zero = Object.fromEntries(
      [
        "cvlserv_pay",
        "hifes_pay",
        "hifmi_pay",
        "hifob_pay",
        "maf_pay",
        "oth_pay",
        "hosp_part_amt",
        "acct_mulaid_pay",
        "hifdm_pay",
        "fulamt_ownpay_amt",
        "overlmt_selfpay",
        "preselfpay_amt",
      ].map((name) => [name, 0]),
    );
    return {
      ...zero,
      mdtrt_id: data.mdtrt_id,
      ...(setlId === undefined ? {} : { setl_id: setlId }),
      psn_no: data.psn_no,
      psn_name: "测试患者甲",
      psn_cert_type: "01",
      certno: data.certno,
      insutype: data.insutype,
      psn_type: "11",
      cvlserv_flag: "0",
      setl_time: "2026-11-20 09:22:01",
      med_type: data.med_type,
      medfee_sumamt: yuan(total),
      inscp_scp_amt: yuan(total),
      hifp_pay: yuan(fund),
      pool_prop_selfpay: 0.6,
      fund_pay_sumamt: yuan(fund),
      psn_part_amt: yuan(total - fund),
      acct_pay: yuan(account),
      psn_cash_pay: yuan(cash),
      balc: 100,
      medins_setl_id: msgid,
      clr_type: "11",
    };
  };
  const detail = (info: Json): Json[] => [
    {
      fund_pay_type: "310102",
      inscp_scp_amt: info.medfee_sumamt,
      crt_payb_lmt_amt: 0,
      fund_payamt: info.fund_pay_sumamt,
      fund_pay_type_name: "职工门诊统筹基金",
      setl_proc_info: "",
    },
  ];

  const settle = (data: Json, msgid: string): { answer: Json; effect: boolean } => {
    if (undoneMsgids.has(msgid)) return { answer: envelope(-1, "该报文已冲正", null), effect: false };
    const known = byMsgid.get(msgid);
    if (known) return { answer: known.answer, effect: false };
    if ([...byMsgid.values()].some((one) => one.visit === data.mdtrt_id && !one.undone))
      return { answer: envelope(-1, "该批次已结算", null), effect: false };
    const setlId = `SE${String(byMsgid.size + 1).padStart(8, "0")}`;
    const info = setlinfo(data, msgid, setlId);
    const answer = envelope("0", "", { setlinfo: info, setldetail: detail(info) });
    byMsgid.set(msgid, { setlId, msgid, visit: String(data.mdtrt_id), answer, undone: false });
    return { answer, effect: true };
  };
  const found = (data: Json): Json => {
    const one = [...byMsgid.values()].findLast((settlement) => settlement.visit === data.mdtrt_id && !settlement.undone);
    if (!one) return envelope(-1, "未查询到结算信息", {});
    const info = (one.answer.output as Json).setlinfo as Json;
    const more = {
      psn_pay: info.psn_part_amt,
      cash_payamt: info.psn_cash_pay,
      refd_setl_flag: "0",
      pay_loc: "2",
      fixmedins_code: "H99990100001",
      fixmedins_name: "示例市第一人民医院",
      begndate: "2026-11-20",
      enddate: "2026-11-20",
      year: "2026",
      gend: "1",
      act_pay_dedc: 0,
    };
    const { psn_part_amt: _, psn_cash_pay: __, hosp_part_amt: ___, hifdm_pay: ____, ...rest } = info;
    return envelope(0, "", { setlinfo: { ...rest, ...more }, setldetail: detail(info) });
  };
  const reverse = (data: Json): { answer: Json; effect: boolean } => {
    const one = byMsgid.get(String(data.omsgid));
    if (!one || data.oinfno !== "2207") return { answer: envelope(-1, "原交易不存在", null), effect: false };
    const effect = !one.undone;
    one.undone = true;
    undoneMsgids.add(one.msgid);
    return { answer: envelope(0, "", null), effect };
  };

  const work = (infno: string, call: Json): { answer: Json; effect: boolean } => {
    const input = call.input as Json;
    const data = (input.data ?? {}) as Json;
    if (infno === "9001") {
      signNo = `99010120261120${String(count).padStart(4, "0")}`;
      return { answer: envelope(0, "", { signinoutb: { sign_time: "2026-11-20 07:55:01", sign_no: signNo } }), effect: false };
    }
    if (infno === "9002") return { answer: envelope(0, "", { sign_time: "2026-11-20 18:00:00" }), effect: false };
    if (call.sign_no !== signNo) return { answer: envelope(-1, "请先签到", null), effect: false };
    if (infno === "2206") {
      const info = setlinfo(data, String(call.msgid), undefined);
      return { answer: envelope(0, "", { setlinfo: info, setldetail: detail(info) }), effect: false };
    }
    if (infno === "2207") return settle(data, String(call.msgid));
    if (infno === "5203") return { answer: found(data), effect: false };
    if (infno === "2601") return reverse(data);
    return { answer: envelope(-1, `不支持的交易 ${infno}`, null), effect: false };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = await bodyOf(request);
    const infno = String(call.infno);
    const data = ((call.input as Json).data ?? {}) as Json;
    const fault = faults.get(infno)?.shift();
    const line = (effect: boolean, answer: string) =>
      void ledger.push({ infno, msgid: String(call.msgid), visit: String(data.mdtrt_id ?? ""), effect, answer });
    const say = (status: number, body: Json | string) => {
      response.writeHead(status, { "content-type": "application/json;charset=utf-8" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    };
    if (fault === "lost") {
      line(false, "lost");
      request.socket.destroy();
      return;
    }
    if (fault === "401") {
      line(false, "401");
      return say(401, { code: 401, message: "签名不一致!", type: "error" });
    }
    if (fault === "signed-out") signNo = undefined;
    const told = fault === "refused" ? "个人账户余额不足" : fault === "hidden" ? "未查询到结算信息" : undefined;
    const done = told === undefined ? work(infno, call) : { answer: envelope(-1, told, {}), effect: false };
    line(done.effect, fault ?? String(done.answer.infcode));
    if (fault === "held") await new Promise<void>((resolve) => void held.push(resolve));
    if (fault === "dropped") request.socket.destroy();
    else if (fault === "garbled") say(200, JSON.stringify(done.answer).slice(0, 120));
    else say(200, done.answer);
  };
  const server = createServer(
    (request, response) => void handle(request, response).catch((error: unknown) => response.destroy(error as Error)),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    ledger,
    mend: () => faults.clear(),
    release: () => {
      for (const answer of held.splice(0)) answer();
    },
    fail: (infno, ...next) => void faults.set(infno, [...(faults.get(infno) ?? []), ...next]),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
