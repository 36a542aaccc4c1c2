/** `huiliu account list`, `account reset <login>` and `account setup-link`: for whoever owns the machine, when nobody can sign in. */
import type { Account, AccountList, AccountOpened, SetupLink } from "../../domain/access/views.ts";
import { type Client, Refused } from "./client.ts";
import type { Add, Deeds, Flags, Printed, Work } from "./commands.ts";
import { printable, table } from "./table.ts";
import type { Say } from "./texts.ts";

const WORDS = ["list", "reset", "setup-link"] as const;
const TEXT = "list, reset <login> (new password, no lock, no second factor), setup-link (while there is no account) · 账户";

const usage = (zh: string, en: string): Refused =>
  new Refused(400, { code: "BAD_REQUEST", zh, en, next: { zh: "npx huiliu account --help", en: "npx huiliu account --help" } });

const stateText = (say: Say, { state, lockedUntil, totp, mustChangePassword }: Account): string =>
  [
    state === "disabled" ? say("停用", "disabled") : say("可用", "active"),
    ...(lockedUntil === undefined ? [] : [say(`锁定至 ${lockedUntil.slice(11, 16)}`, `held back until ${lockedUntil.slice(11, 16)}`)]),
    ...(totp ? [say("两步验证", "second factor")] : []),
    ...(mustChangePassword ? [say("须改密码", "must change its password")] : []),
  ].join(say("，", ", "));

function accountLines(say: Say, items: readonly Account[]): string[] {
  if (items.length === 0) return [say("没有账户：npx huiliu account setup-link", "There is no account: npx huiliu account setup-link")];
  return table(items, [
    { head: say("登录名", "Login"), cell: (one) => printable(one.login) },
    { head: say("姓名", "Name"), cell: (one) => printable(one.name) },
    { head: say("角色", "Roles"), cell: (one) => one.roles.join(" ") },
    { head: say("伙伴", "Partners"), cell: (one) => (one.partners === "*" ? "*" : one.partners.join(" ")) },
    { head: say("状态", "State"), cell: (one) => stateText(say, one) },
    { head: say("会话", "Sessions"), cell: (one) => String(one.sessions) },
    { head: say("最近登录", "Last"), cell: (one) => one.lastSignInAt?.slice(0, 16).replace("T", " ") ?? "" },
  ]);
}

async function reset(client: Client, login: string, flags: Flags, say: Say, by: string): Promise<Printed> {
  const { items } = await client.get<AccountList>("/accounts");
  const found = items.find((one) => one.login === login.trim().toLowerCase());
  if (found === undefined) throw usage(`没有账户 ${login}`, `there is no account ${login}`);
  const answer = await client.post<AccountOpened>(`/accounts/${found.id}/reset`, { reason: flags.reason, by });
  const lines = [
    say(`账户 ${found.login} 已重置，其会话已结束。`, `Account ${found.login} is reset; its sessions have ended.`),
    say(
      `新密码（仅显示一次，首次登录须修改）：${answer.password}`,
      `New password (shown this once, to be changed at the first sign-in): ${answer.password}`,
    ),
  ];
  return { answer, lines };
}

/** Adds the commands. */
export function addAccountCommands(add: Add, { options, by }: Pick<Deeds, "options" | "by">): void {
  options(
    add(
      "account <what> [login]",
      TEXT,
      (what = "", login = ""): Work =>
        async (client, flags, say) => {
          if (what === "list") {
            const answer = await client.get<AccountList>("/accounts");
            return { answer, lines: accountLines(say, answer.items) };
          }
          if (what === "reset") {
            if (login === "") throw usage("须给出登录名", "give the login name");
            return reset(client, login, flags, say, by(flags));
          }
          if (what !== "setup-link") throw usage(`account 之后须为 ${WORDS.join("、")}`, `one of ${WORDS.join(", ")} follows account`);
          const answer = await client.post<SetupLink>("/setup-link", {});
          const url = `${client.console}${answer.path}`;
          const until = answer.endsAt.slice(0, 16).replace("T", " ");
          const lines = [
            url,
            say(`一次有效，至 ${until}；之前的链接已失效。`, `Works once, until ${until}; links before it have stopped working.`),
          ];
          return { answer: { ...answer, url }, lines };
        },
    ),
  );
}
