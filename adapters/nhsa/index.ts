/** The insurance platform's front machine and its mobile payment platform (README.md): envelopes, signatures, numbers, sign-in. A partner's constant `gateway` says which. */
import type { Adapter, AdapterContext, Session } from "../../domain/partners/adapter.ts";
import { CALL_PATH, openFront, sealFront } from "./envelope.ts";
import { gatewayOf } from "./gateway.ts";
import { bytesOf, isObject, objectOf, textOf } from "./json.ts";
import { answerMobile, openMobile, sealMobile } from "./mobile.ts";
import { msgidOf } from "./number.ts";

/** A sign-in is of one day; within it the centre keeps it, and half a day is as long as anybody works. */
const SESSION_MS = 12 * 3_600_000;
const SIGN_IN = "9001";
const SIGN_OUT = "9002";
/** How a centre says that nobody is signed in: 「请先签到」, 「签到信息不存在」, 「签到编号已失效」. */
const SIGNED_OUT = /签到/;

const noGateway = {
  ok: false,
  zh: "伙伴常量 gateway 须为 csb、x-tif、none 或 mobile",
  en: "the partner's constant `gateway` must be csb, x-tif, none or mobile",
} as const;

const session: Session = {
  lifetimeMs: SESSION_MS,
  daily: true,
  who: ({ constants, message }: AdapterContext) => {
    const free =
      gatewayOf(constants.gateway) === "mobile" || message.endsWith(SIGN_IN) || message.endsWith(SIGN_OUT) || constants.signIn === "no";
    return free ? undefined : constants.opter;
  },
  signIn: ({ constants }) => {
    const { opter = "", mac = "", ip = "" } = constants;
    return { path: CALL_PATH, headers: {}, body: bytesOf({ infno: SIGN_IN, input: { signIn: { opter_no: opter, mac, ip } } }) };
  },
  signOut: ({ constants, session: held }) => {
    const signOut = { sign_no: held?.signNo ?? "", opter_no: constants.opter ?? "" };
    return { path: CALL_PATH, headers: {}, body: bytesOf({ infno: SIGN_OUT, input: { signOut } }) };
  },
  read: ({ body }) => {
    const reply = objectOf(body);
    const output = reply?.output;
    const told = isObject(output) ? output.signinoutb : undefined;
    const signNo = isObject(told) ? textOf(told.sign_no) : "";
    return textOf(reply?.infcode) !== "" && Number(textOf(reply?.infcode)) === 0 && signNo !== "" ? { signNo } : undefined;
  },
  lost: ({ body }) => {
    const reply = objectOf(body);
    return Number(textOf(reply?.infcode) || "0") !== 0 && SIGNED_OUT.test(textOf(reply?.err_msg));
  },
};

/** What the platform itself sends. Everything else that comes in is a call of the HIS's own, told as an exchange under the partner's key: it stands in clear. */
const NOTICE = "notify-";

export const adapter: Adapter = {
  name: "nhsa",
  title: { zh: "国家医保信息平台（前置机与移动支付）", en: "National insurance platform (front machine and mobile payment)" },
  secrets: {
    accessKey: { zh: "CSB 网关 AK", en: "AK of the CSB gateway" },
    secretKey: { zh: "CSB 网关 SK", en: "SK of the CSB gateway" },
    paasId: { zh: "x-tif 网关应用标识", en: "paasid of the x-tif gateway" },
    token: { zh: "x-tif 网关令牌", en: "token of the x-tif gateway" },
    appSecret: { zh: "移动支付 appSecret", en: "appSecret of the mobile payment platform" },
    privateKey: { zh: "移动支付本方 SM2 私钥（64 位十六进制）", en: "our SM2 private key (64 hex digits)" },
    publicKey: {
      zh: "移动支付平台 SM2 公钥（04 开头，130 位十六进制）",
      en: "the platform's SM2 public key (130 hex digits, begins with 04)",
    },
  },
  seal: (plain, context) => {
    const gateway = gatewayOf(context.constants.gateway);
    if (gateway === undefined) return noGateway;
    return gateway === "mobile" ? sealMobile(plain, context) : sealFront(plain, context, gateway);
  },
  open: (reply, context) => {
    const gateway = gatewayOf(context.constants.gateway);
    if (gateway === undefined) return noGateway;
    return gateway === "mobile" ? openMobile(reply, context) : openFront(reply, context);
  },
  receive: (message, context) => {
    const { body, contentType } = message;
    if (!context.message.startsWith(NOTICE)) return { ok: true, opened: { body, ...(contentType === undefined ? {} : { contentType }) } };
    if (gatewayOf(context.constants.gateway) === "mobile") return openMobile(message, context);
    return { ok: false, zh: "医保前置机不向医院推送", en: "the front machine sends nothing of its own accord" };
  },
  answer: answerMobile,
  number: ({ constants, nowMs, key = "" }, tries) => msgidOf(constants.fixmedinsCode ?? "", key, nowMs, tries),
  session,
};
