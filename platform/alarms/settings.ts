/** Where alarms are told besides the log: read from the environment's values, refused with every problem by name. */

export interface AlarmSettings {
  readonly webhook?: { readonly url: string; readonly secret: string };
  readonly mail?: { readonly url: string; readonly from: string; readonly to: readonly string[] };
}

const WEBHOOK_SECRET_MIN = 16;
const RECIPIENTS_MAX = 50;
const ADDRESS = /^[^\s@<>,"]{1,64}@[^\s@<>,"]{1,253}$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

type Values = Readonly<Record<string, string | undefined>>;

function urlOf(text: string, protocols: readonly string[]): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return protocols.includes(url.protocol) && url.hostname !== "" ? url : undefined;
}

/** The settings, and what is wrong with them. Nothing set: alarms go to the log alone. Secrets never stand in a problem. */
export function readAlarmSettings(
  env: Values,
  profile: string,
): { readonly settings: AlarmSettings; readonly problems: readonly string[] } {
  const value = (name: string): string | undefined => env[name]?.trim() || undefined;
  const problems: string[] = [];
  const [webhook, secret] = [value("HUILIU_ALARM_WEBHOOK"), value("HUILIU_ALARM_WEBHOOK_SECRET")];
  const [smtp, from, to] = [value("HUILIU_ALARM_SMTP"), value("HUILIU_ALARM_MAIL_FROM"), value("HUILIU_ALARM_MAIL_TO")];

  if (webhook !== undefined) {
    const url = urlOf(webhook, ["http:", "https:"]);
    if (url === undefined) problems.push("HUILIU_ALARM_WEBHOOK is not an http(s) address / HUILIU_ALARM_WEBHOOK 不是 http(s) 地址");
    else if (profile === "production" && url.protocol === "http:" && !LOOPBACK.test(url.hostname))
      problems.push("HUILIU_ALARM_WEBHOOK must be https in production / 生产环境的 HUILIU_ALARM_WEBHOOK 须为 https");
    if ((secret?.length ?? 0) < WEBHOOK_SECRET_MIN)
      problems.push(
        `HUILIU_ALARM_WEBHOOK_SECRET needs at least ${WEBHOOK_SECRET_MIN} characters / HUILIU_ALARM_WEBHOOK_SECRET 至少 ${WEBHOOK_SECRET_MIN} 个字符`,
      );
  } else if (secret !== undefined) problems.push("HUILIU_ALARM_WEBHOOK_SECRET without HUILIU_ALARM_WEBHOOK / 设置了密钥而没有地址");

  const mailSet = [smtp, from, to].filter((one) => one !== undefined).length;
  const recipients = (to ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (mailSet > 0) {
    if (mailSet < 3)
      problems.push(
        "HUILIU_ALARM_SMTP, HUILIU_ALARM_MAIL_FROM and HUILIU_ALARM_MAIL_TO belong together / 三项须一起设置：HUILIU_ALARM_SMTP、HUILIU_ALARM_MAIL_FROM、HUILIU_ALARM_MAIL_TO",
      );
    if (smtp !== undefined && urlOf(smtp, ["smtp:", "smtps:"]) === undefined)
      problems.push("HUILIU_ALARM_SMTP is not smtp://host:port or smtps://host:port / HUILIU_ALARM_SMTP 不是 smtp(s) 地址");
    if (from !== undefined && !ADDRESS.test(from))
      problems.push("HUILIU_ALARM_MAIL_FROM is not an e-mail address / HUILIU_ALARM_MAIL_FROM 不是邮箱地址");
    if (to !== undefined && (recipients.length === 0 || recipients.length > RECIPIENTS_MAX || recipients.some((one) => !ADDRESS.test(one))))
      problems.push(
        `HUILIU_ALARM_MAIL_TO: 1 to ${RECIPIENTS_MAX} e-mail addresses, separated by commas / 1 至 ${RECIPIENTS_MAX} 个邮箱，逗号分隔`,
      );
  }
  return {
    problems,
    settings: {
      ...(webhook === undefined ? {} : { webhook: { url: webhook, secret: secret ?? "" } }),
      ...(smtp === undefined || from === undefined ? {} : { mail: { url: smtp, from, to: recipients } }),
    },
  };
}
