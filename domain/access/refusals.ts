/** What sign-in, accounts and sessions refuse. No text tells whether a login name exists. */
import type { OperationRefusalText } from "../operations/refusals.ts";

export type AccessRefusal =
  | "SETUP_REQUIRED"
  | "SETUP_LINK_REFUSED"
  | "SETUP_DONE"
  | "SIGN_IN_REFUSED"
  | "SIGN_IN_LOCKED"
  | "SIGN_IN_BUSY"
  | "SECOND_FACTOR_REQUIRED"
  | "PASSWORD_CHANGE_REQUIRED"
  | "TOTP_REQUIRED"
  | "CODE_REFUSED"
  | "CSRF_REFUSED"
  | "NOT_A_PERSON"
  | "PASSWORD_WEAK"
  | "CURRENT_PASSWORD_WRONG"
  | "EXTERNAL_ACCOUNT"
  | "TOTP_ON"
  | "TOTP_OFF"
  | "TOTP_NOT_BEGUN"
  | "TOTP_KEPT"
  | "UNKNOWN_ACCOUNT"
  | "UNKNOWN_SESSION"
  | "LOGIN_TAKEN"
  | "NAME_TAKEN"
  | "ACCOUNT_REFUSED"
  | "OWN_ACCOUNT"
  | "LAST_ADMINISTRATOR"
  | "ACCOUNT_STATE"
  | "OIDC_OFF"
  | "OIDC_FAILED"
  | "OIDC_NO_ROLE"
  | "OIDC_NAME_TAKEN"
  | "STAFF_NO_TAKEN"
  | "STAFF_NO_REQUIRED"
  | "IN_ONE_HAND";

export const ACCESS_REFUSAL: Readonly<Record<AccessRefusal, OperationRefusalText>> = {
  SETUP_REQUIRED: {
    http: 401,
    zh: "尚未建立账户，控制台未开放",
    en: "There is no account yet: the console is closed",
    next: {
      zh: "打开启动时给出的首次设置链接；或在本机执行 npx huiliu account setup-link",
      en: "Open the set-up link that the start printed, or run npx huiliu account setup-link on the machine",
    },
  },
  SETUP_LINK_REFUSED: {
    http: 403,
    zh: "首次设置链接无效、已用过或已过期",
    en: "The set-up link is wrong, has been used or has expired",
    next: {
      zh: "在本机执行 npx huiliu account setup-link 取得新链接",
      en: "Run npx huiliu account setup-link on the machine for a new one",
    },
  },
  SETUP_DONE: {
    http: 409,
    zh: "首次设置已完成",
    en: "The set-up has been done already",
    next: { zh: "登录；忘记密码请管理员重置", en: "Sign in; an administrator resets a forgotten password" },
  },
  SIGN_IN_REFUSED: {
    http: 401,
    zh: "账户或密码不正确，或账户已停用",
    en: "The login name or the password is wrong, or the account is disabled",
    next: { zh: "核对后重试；忘记密码请管理员重置", en: "Check both and try again; an administrator resets a forgotten password" },
  },
  SIGN_IN_LOCKED: {
    http: 429,
    zh: "失败次数过多，暂停登录",
    en: "Too many failures: signing in is held back for a while",
    next: {
      zh: "按 Retry-After 等待后重试；非本人操作请告知管理员",
      en: "Wait as Retry-After says; if it was not you, tell an administrator",
    },
  },
  SIGN_IN_BUSY: {
    http: 503,
    zh: "同时登录的人过多",
    en: "Too many people are signing in at this moment",
    next: { zh: "几秒后重试", en: "Try again in a few seconds" },
  },
  SECOND_FACTOR_REQUIRED: {
    http: 401,
    zh: "还须输入验证码",
    en: "The code of the second factor is still missing",
    next: { zh: "输入验证器中的 6 位数字，或一个恢复码", en: "Enter the six digits of your authenticator, or a recovery code" },
  },
  PASSWORD_CHANGE_REQUIRED: {
    http: 401,
    zh: "须先修改密码",
    en: "The password must be changed first",
    next: { zh: "设置新密码", en: "Choose a new password" },
  },
  TOTP_REQUIRED: {
    http: 401,
    zh: "此账户须先启用两步验证",
    en: "This account must set up a second factor first",
    next: { zh: "用验证器扫描二维码并确认", en: "Scan the code with an authenticator and confirm it" },
  },
  CODE_REFUSED: {
    http: 401,
    zh: "验证码不正确或已用过",
    en: "The code is wrong or has been used",
    next: { zh: "等待下一个验证码；核对手机时间", en: "Wait for the next code; check the phone's clock" },
  },
  CSRF_REFUSED: {
    http: 403,
    zh: "请求不是由控制台页面发出的",
    en: "The request does not come from a page of this console",
    next: { zh: "在控制台中操作；程序请用令牌", en: "Use the console; programs use the token" },
  },
  NOT_A_PERSON: {
    http: 409,
    zh: "令牌不是个人账户",
    en: "The token is no person's account",
    next: { zh: "以个人账户登录后操作", en: "Sign in with an account" },
  },
  PASSWORD_WEAK: {
    http: 422,
    zh: "密码不合要求",
    en: "The password is not good enough",
    next: { zh: "按 problems 所列修改", en: "Mend what problems lists" },
  },
  CURRENT_PASSWORD_WRONG: {
    http: 403,
    zh: "现用密码不正确",
    en: "The present password is wrong",
    next: { zh: "核对后重试", en: "Check it and try again" },
  },
  EXTERNAL_ACCOUNT: {
    http: 409,
    zh: "此账户由统一身份认证管理",
    en: "This account belongs to the hospital's identity provider",
    next: { zh: "在统一身份认证系统中修改", en: "Change it at the identity provider" },
  },
  TOTP_ON: {
    http: 409,
    zh: "已启用两步验证",
    en: "A second factor is set up already",
    next: { zh: "先停用原来的", en: "Remove the present one first" },
  },
  TOTP_OFF: {
    http: 409,
    zh: "未启用两步验证",
    en: "There is no second factor",
    next: { zh: "无需操作", en: "There is nothing to do" },
  },
  TOTP_NOT_BEGUN: {
    http: 409,
    zh: "尚未开始设置两步验证",
    en: "Setting up a second factor has not been begun",
    next: { zh: "先取得二维码", en: "Get the code to scan first" },
  },
  TOTP_KEPT: {
    http: 409,
    zh: "管理员要求此账户使用两步验证",
    en: "An administrator wants this account to have a second factor",
    next: { zh: "更换手机请管理员重置", en: "An administrator resets it for another phone" },
  },
  UNKNOWN_ACCOUNT: {
    http: 404,
    zh: "没有这个账户",
    en: "There is no such account",
    next: { zh: "刷新账户列表", en: "Look at the list of accounts again" },
  },
  UNKNOWN_SESSION: {
    http: 404,
    zh: "没有这个会话，或已结束",
    en: "There is no such session, or it has ended",
    next: { zh: "刷新会话列表", en: "Look at the list of sessions again" },
  },
  LOGIN_TAKEN: {
    http: 409,
    zh: "登录名已被使用",
    en: "This login name is taken",
    next: { zh: "换一个登录名", en: "Choose another one" },
  },
  NAME_TAKEN: {
    http: 409,
    zh: "姓名已被使用：署名须能区分到人",
    en: "This name is taken: a signature must tell people apart",
    next: { zh: "在姓名后加科室或工号", en: "Add the department or a number to the name" },
  },
  ACCOUNT_REFUSED: {
    http: 422,
    zh: "账户内容不成立",
    en: "The account does not hold",
    next: { zh: "按 problems 所列修正", en: "Mend what problems lists" },
  },
  OWN_ACCOUNT: {
    http: 409,
    zh: "不能修改自己的账户",
    en: "Nobody changes his own account",
    next: { zh: "请另一位管理员办理", en: "Ask another administrator" },
  },
  LAST_ADMINISTRATOR: {
    http: 409,
    zh: "这是最后一位可用的管理员",
    en: "This is the last administrator who can sign in",
    next: { zh: "先授权另一位管理员", en: "Make somebody else an administrator first" },
  },
  ACCOUNT_STATE: {
    http: 409,
    zh: "账户已是这个状态",
    en: "The account is in that state already",
    next: { zh: "刷新账户列表", en: "Look at the list of accounts again" },
  },
  OIDC_OFF: {
    http: 404,
    zh: "未接入统一身份认证",
    en: "No identity provider is set up",
    next: { zh: "用账户和密码登录", en: "Sign in with a name and a password" },
  },
  OIDC_FAILED: {
    http: 502,
    zh: "统一身份认证未完成",
    en: "The identity provider did not complete the sign-in",
    next: { zh: "重新登录；反复出现请看引擎日志", en: "Sign in again; if it goes on, see the engine's log" },
  },
  OIDC_NO_ROLE: {
    http: 403,
    zh: "统一身份认证没有给此人任何角色",
    en: "The identity provider gives this person no role here",
    next: { zh: "请管理员授予对应的组", en: "Ask an administrator for the group that has a role" },
  },
  OIDC_NAME_TAKEN: {
    http: 409,
    zh: "登录名或姓名已属于另一个账户",
    en: "The login name or the name belongs to another account",
    next: { zh: "请管理员改名或停用旧账户", en: "Ask an administrator to rename or disable the old account" },
  },
  STAFF_NO_TAKEN: {
    http: 409,
    zh: "该工号已有可用账户：一人一个账户",
    en: "An active account has this staff number already: one person, one account",
    next: { zh: "停用旧账户，或核对工号", en: "Disable the old account, or check the number" },
  },
  STAFF_NO_REQUIRED: {
    http: 422,
    zh: "本院要求账户填写工号",
    en: "This hospital wants a staff number for every account",
    next: {
      zh: "填写工号；统一身份认证的账户由其声明给出",
      en: "Give the staff number; for accounts of the identity provider its claim gives it",
    },
  },
  IN_ONE_HAND: {
    http: 409,
    zh: "提出与复核的账户近期经同一人之手（由其新建、重置或授权），不算两人",
    en: "Both accounts were lately in one person's hands, who made, reset or gave rights to them: they are not two people",
    next: {
      zh: "请另一位复核；或在 problems 所列时间之后由本人复核",
      en: "Ask somebody else to approve it, or approve it after the time that problems names",
    },
  },
};

/** What a session that is not whole is told, by its stage. */
export const STAGE_REFUSAL = {
  factor: "SECOND_FACTOR_REQUIRED",
  password: "PASSWORD_CHANGE_REQUIRED",
  enrol: "TOTP_REQUIRED",
} as const;
