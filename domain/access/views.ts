/** Sign-in, accounts and sessions as the console sees them: never a hash, a secret or the value of a cookie. Times are China time with milliseconds. */
import { type Static, type TProperties, Type } from "typebox";
import { RIGHTS, type Right, type Role, ROLES } from "./rights.ts";

const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });
const text = Type.String();
const id = Type.String({ description: "UUID / 编号" });
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const maybe = Type.Optional;

const RoleName = Type.Unsafe<Role>({ type: "string", enum: [...ROLES] });
const RightName = Type.Unsafe<Right>({ type: "string", enum: [...RIGHTS] });
/** "*": every partner. */
const PartnerScope = Type.Union([Type.Literal("*"), Type.Array(text)], {
  description: "partners whose messages and destinations the account may see and touch; * is all / 可见的伙伴",
});

/** How far a session has come: `full` may work; the others reach nothing but their own step. */
const STAGES = ["full", "factor", "password", "enrol"] as const;
export const Stage = Type.Unsafe<(typeof STAGES)[number]>({
  type: "string",
  enum: [...STAGES],
  description:
    "full: signed in; factor: the code of the second factor is missing; password: the password must be changed; enrol: a second factor must be set up / 登录所处的步骤",
});
export type Stage = (typeof STAGES)[number];

/** What the sign-in page needs to know before anybody has signed in. */
export const SignInOptions = closed({
  setUpNeeded: Type.Boolean({ description: "there is no account yet: only a set-up link opens the console / 尚无账户，须用首次设置链接" }),
  stage: maybe(Stage),
  oidc: maybe(closed({ label: text, path: Type.String({ description: "go there with the whole page / 整页跳转至此" }) })),
});

export const SignedIn = closed({ stage: Stage, name: text });

export const Me = closed({
  id,
  login: text,
  name: Type.String({ description: "what deeds are signed with / 操作署名" }),
  roles: Type.Array(RoleName),
  rights: Type.Array(RightName),
  partners: PartnerScope,
  via: Type.Union([Type.Literal("session"), Type.Literal("token")]),
  totp: Type.Boolean({ description: "has a second factor / 已启用两步验证" }),
  totpRequired: Type.Boolean(),
  external: Type.Boolean({ description: "signs in at the hospital's identity provider / 由统一身份认证登录" }),
  idleMinutes: maybe(Type.Integer({ minimum: 1 })),
  endsAt: maybe(at),
});

export const TotpBegun = closed({
  secret: Type.String({ description: "base32, for typing / 手工输入用" }),
  uri: Type.String({ description: "otpauth:// for a QR code / 二维码内容" }),
});
export const TotpConfirmed = closed({
  stage: Stage,
  recoveryCodes: Type.Array(text, { description: "each works once, shown this one time / 恢复码，仅显示一次" }),
});

export const Account = closed({
  id,
  login: text,
  name: text,
  staffNo: maybe(Type.String({ description: "the hospital's number of the person / 工号" })),
  roles: Type.Array(RoleName),
  partners: PartnerScope,
  state: Type.Union([Type.Literal("active"), Type.Literal("disabled")]),
  totp: Type.Boolean(),
  totpRequired: Type.Boolean(),
  mustChangePassword: Type.Boolean(),
  external: maybe(Type.String({ description: "issuer of the identity provider / 统一身份认证的签发者" })),
  lockedUntil: maybe(at),
  sessions: Type.Integer({ minimum: 0 }),
  createdAt: at,
  lastSignInAt: maybe(at),
});
export const AccountList = closed({ items: Type.Array(Account) });
/** The password is told this one time; it must be changed at the first sign-in. */
export const AccountOpened = closed({ account: Account, password: maybe(text) });

export const SessionView = closed({
  id,
  stage: Stage,
  createdAt: at,
  seenAt: at,
  endsAt: at,
  address: text,
  agent: text,
  current: Type.Boolean(),
});
export const SessionList = closed({ items: Type.Array(SessionView) });
export const Ended = closed({ ended: Type.Integer({ minimum: 0, description: "sessions that were ended / 结束的会话数" }) });
export const SetupLink = closed({ path: Type.String({ description: "after the console's address / 接在控制台地址之后" }), endsAt: at });

export type SignInOptions = Static<typeof SignInOptions>;
export type SignedIn = Static<typeof SignedIn>;
export type Me = Static<typeof Me>;
export type TotpBegun = Static<typeof TotpBegun>;
export type TotpConfirmed = Static<typeof TotpConfirmed>;
export type Account = Static<typeof Account>;
export type AccountList = Static<typeof AccountList>;
export type AccountOpened = Static<typeof AccountOpened>;
export type SessionView = Static<typeof SessionView>;
export type SessionList = Static<typeof SessionList>;
export type Ended = Static<typeof Ended>;
export type SetupLink = Static<typeof SetupLink>;
