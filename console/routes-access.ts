/** Sign-in, one's own account, and other people's accounts. Answers that open a session carry its cookie; no answer carries its value. */
import { Type } from "typebox";
import { CODE_MAX, LOGIN_MAX, NAME_MAX, PARTNERS_MAX, PASSWORD_MAX, STAFF_NO_MAX, TOKEN_MAX } from "../domain/access/limits.ts";
import type { AccountChange, AccountGiven } from "../domain/access/ports.ts";
import { ROLES } from "../domain/access/rights.ts";
import type { Step } from "../domain/access/standing.ts";
import * as views from "../domain/access/views.ts";
import { closed, deed, given, idParams, maybe, ONE_LINE, oneOf, type Route, text } from "./route.ts";

/** Checked by the rules, with texts that help; here only what no store and no hash should be given. */
const secret = (max: number) => Type.String({ minLength: 1, maxLength: max });
const login = text(LOGIN_MAX, "login name, letters in any case / 登录名");
const shownName = text(NAME_MAX, "what deeds are signed with / 姓名，用于署名");
const staffNo = Type.String({
  maxLength: STAFF_NO_MAX,
  pattern: ONE_LINE,
  description: "the hospital's number of the person; empty: none / 工号",
});
const roles = Type.Array(oneOf(ROLES), { maxItems: ROLES.length, uniqueItems: true });
const partners = Type.Union([Type.Literal("*"), Type.Array(text(64), { maxItems: PARTNERS_MAX, uniqueItems: true })]);
const code = Type.String({ minLength: 1, maxLength: CODE_MAX, pattern: ONE_LINE });

/** Steps of signing in, and one's own affairs. */
const step = (
  of: Omit<Route, "right" | "handle" | "method"> & { readonly right: Step; readonly method?: Route["method"] },
  handle: Route["handle"],
): Route => ({ method: "POST", ...of, handle });

const signIn: readonly Route[] = [
  step(
    {
      id: "getSignInOptions",
      method: "GET",
      right: "anyone",
      path: "/session/options",
      zh: "登录方式",
      en: "How one signs in here",
      answer: views.SignInOptions,
    },
    (_operations, { access, caller }) => access.options(caller),
  ),
  step(
    {
      id: "setUp",
      right: "anyone",
      path: "/setup",
      zh: "首次设置：凭链接建立第一个管理员",
      en: "First start: makes the first administrator with the one-time link",
      body: closed({ token: secret(TOKEN_MAX), login, name: shownName, password: secret(PASSWORD_MAX) }),
      answer: views.SignedIn,
    },
    (_operations, { access, caller, body }) =>
      access.setUp(caller, {
        token: String(body.token),
        login: String(body.login),
        name: String(body.name),
        password: String(body.password),
      }),
  ),
  step(
    {
      id: "signIn",
      right: "anyone",
      path: "/session",
      zh: "登录",
      en: "Sign in",
      body: closed({ login, password: secret(PASSWORD_MAX) }),
      answer: views.SignedIn,
    },
    (_operations, { access, caller, body }) => access.signIn(caller, { login: String(body.login), password: String(body.password) }),
  ),
  step(
    {
      id: "giveSecondFactor",
      right: "factor",
      path: "/session/second-factor",
      zh: "登录第二步：验证码或恢复码",
      en: "Second step: the authenticator's code or a recovery code",
      body: closed({ code }),
      answer: views.SignedIn,
    },
    (_operations, { access, caller, body }) => access.secondFactor(caller, String(body.code)),
  ),
  step(
    {
      id: "signOut",
      right: "session",
      path: "/session/end",
      zh: "退出登录",
      en: "Sign out",
      body: closed({}),
      answer: views.Ended,
    },
    (_operations, { access, caller }) => access.signOut(caller),
  ),
];

const own: readonly Route[] = [
  step(
    { id: "getMe", method: "GET", right: "self", path: "/me", zh: "当前账户", en: "Who is signed in", answer: views.Me },
    (_operations, { access, caller, who }) => access.me(caller, who),
  ),
  step(
    {
      id: "changePassword",
      right: "password",
      path: "/me/password",
      zh: "修改密码；其余会话随即结束",
      en: "Change the password; every other session ends",
      body: closed({ current: secret(PASSWORD_MAX), password: secret(PASSWORD_MAX) }),
      answer: views.SignedIn,
    },
    (_operations, { access, caller, body }) =>
      access.changePassword(caller, { current: String(body.current), password: String(body.password) }),
  ),
  step(
    {
      id: "beginTotp",
      right: "enrol",
      path: "/me/totp-begin",
      zh: "开始设置两步验证",
      en: "Begin to set up a second factor",
      body: closed({ password: secret(PASSWORD_MAX) }),
      answer: views.TotpBegun,
    },
    (_operations, { access, caller, body }) => access.totpBegin(caller, String(body.password)),
  ),
  step(
    {
      id: "confirmTotp",
      right: "enrol",
      path: "/me/totp-confirm",
      zh: "以验证码确认；得到恢复码",
      en: "Confirm it with a code; answers the recovery codes",
      body: closed({ code }),
      answer: views.TotpConfirmed,
    },
    (_operations, { access, caller, body }) => access.totpConfirm(caller, String(body.code)),
  ),
  step(
    {
      id: "endTotp",
      right: "self",
      path: "/me/totp-end",
      zh: "停用两步验证",
      en: "Remove the second factor",
      body: closed({ password: secret(PASSWORD_MAX), code }),
      answer: views.SignedIn,
    },
    (_operations, { access, caller, body }) => access.totpEnd(caller, { password: String(body.password), code: String(body.code) }),
  ),
  step(
    {
      id: "listOwnSessions",
      method: "GET",
      right: "self",
      path: "/me/sessions",
      zh: "自己的会话",
      en: "One's own sessions",
      answer: views.SessionList,
    },
    (_operations, { access, caller, who }) => access.ownSessions(caller, who),
  ),
  step(
    {
      id: "endOwnSession",
      right: "self",
      path: "/me/sessions/:id/end",
      zh: "结束自己的一个会话",
      en: "End one of one's own sessions",
      params: idParams,
      body: closed({}),
      answer: views.Ended,
    },
    (_operations, { access, caller, who, params }) => access.endOwnSession(caller, who, params.id ?? ""),
  ),
];

const accountDeed = (
  of: Pick<Route, "id" | "zh" | "en"> & {
    readonly action: string;
    readonly more?: Parameters<typeof closed>[0];
    readonly answer?: Route["answer"];
  },
  handle: Route["handle"],
): Route => ({
  id: of.id,
  method: "POST",
  right: "account",
  path: `/accounts/:id/${of.action}`,
  zh: of.zh,
  en: of.en,
  params: idParams,
  body: closed({ ...deed, ...of.more }),
  answer: of.answer ?? views.AccountOpened,
  handle,
});
const signedBy = (body: Readonly<Record<string, unknown>>) => given(body, "reason", "by");

const accounts: readonly Route[] = [
  {
    id: "listAccounts",
    method: "GET",
    right: "account",
    path: "/accounts",
    zh: "账户",
    en: "Accounts",
    answer: views.AccountList,
    handle: (_operations, { access, who }) => access.accounts(who),
  },
  {
    id: "createAccount",
    method: "POST",
    right: "account",
    path: "/accounts",
    zh: "新建账户；初始密码只告知一次，首次登录须修改",
    en: "Make an account; its first password is told once and must be changed at the first sign-in",
    body: Type.Object(
      { login, name: shownName, roles, partners, totpRequired: maybe(Type.Boolean()), staffNo: maybe(staffNo), ...deed },
      { additionalProperties: false },
    ),
    answer: views.AccountOpened,
    handle: (_operations, { access, who, body }) => {
      const { login: loginName, name, roles: wanted, partners: scope, totpRequired, staffNo: number } = body as unknown as AccountGiven;
      const asked = {
        ...{ login: loginName, name, roles: wanted, partners: scope },
        ...(totpRequired === undefined ? {} : { totpRequired }),
        ...(number === undefined ? {} : { staffNo: number }),
      };
      return access.createAccount(who, asked, signedBy(body));
    },
  },
  accountDeed(
    {
      id: "changeAccount",
      action: "change",
      zh: "修改账户；改角色或伙伴时其会话随即结束",
      en: "Change an account; its sessions end when its roles or partners change",
      more: {
        name: maybe(shownName),
        roles: maybe(roles),
        partners: maybe(partners),
        totpRequired: maybe(Type.Boolean()),
        staffNo: maybe(staffNo),
      },
    },
    (_operations, { access, who, params, body }) => {
      const { name, roles: wanted, partners: scope, totpRequired, staffNo: number } = body as unknown as AccountChange;
      const change: AccountChange = {
        ...(name === undefined ? {} : { name }),
        ...(wanted === undefined ? {} : { roles: wanted }),
        ...(scope === undefined ? {} : { partners: scope }),
        ...(totpRequired === undefined ? {} : { totpRequired }),
        ...(number === undefined ? {} : { staffNo: number }),
      };
      return access.changeAccount(who, params.id ?? "", change, signedBy(body));
    },
  ),
  accountDeed(
    { id: "disableAccount", action: "disable", zh: "停用账户；其会话随即结束", en: "Disable an account; its sessions end at once" },
    (_operations, { access, who, params, body }) => access.setState(who, params.id ?? "", "disabled", signedBy(body)),
  ),
  accountDeed(
    { id: "enableAccount", action: "enable", zh: "恢复账户", en: "Enable an account again" },
    (_operations, { access, who, params, body }) => access.setState(who, params.id ?? "", "active", signedBy(body)),
  ),
  accountDeed(
    {
      id: "resetAccount",
      action: "reset",
      zh: "重置密码并解除锁定与两步验证；新密码只告知一次",
      en: "Reset password, lock and second factor; the new password is told once",
    },
    (_operations, { access, who, params, body }) => access.resetAccount(who, params.id ?? "", signedBy(body)),
  ),
  {
    id: "listAccountSessions",
    method: "GET",
    right: "account",
    path: "/accounts/:id/sessions",
    zh: "一个账户的会话",
    en: "Sessions of an account",
    params: idParams,
    answer: views.SessionList,
    handle: (_operations, { access, who, params }) => access.sessionsOf(who, params.id ?? ""),
  },
  accountDeed(
    {
      id: "endAccountSessions",
      action: "end-sessions",
      zh: "结束一个账户的全部会话",
      en: "End every session of an account",
      answer: views.Ended,
    },
    (_operations, { access, who, params, body }) => access.endSessionsOf(who, params.id ?? "", signedBy(body)),
  ),
  {
    id: "makeSetUpLink",
    method: "POST",
    right: "account",
    path: "/setup-link",
    zh: "尚无账户时取得新的首次设置链接；旧链接失效",
    en: "While there is no account: a new set-up link; the one before it stops working",
    body: closed({}),
    answer: views.SetupLink,
    handle: (_operations, { access }) => access.setUpLink(true),
  },
];

export const ACCESS_ROUTES: readonly Route[] = [...signIn, ...own, ...accounts];
