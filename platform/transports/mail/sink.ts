/** E-mail as a sink (nodemailer): one plain text message in both languages to everybody on the list. The server's acceptance of it is the receipt. */
import { createTransport } from "nodemailer";
import { bodyText, noticeId, subjectLine } from "../../../domain/alarms/notice.ts";
import type { AlarmSink } from "../../../domain/alarms/ports.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const GREETING_TIMEOUT_MS = 5_000;
const SOCKET_TIMEOUT_MS = 10_000;

export interface MailOptions {
  /** smtp:// (STARTTLS when the server offers it) or smtps://, with the account in it where one is needed. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs?: number;
}

export function createMailSink({ url, from, to, timeoutMs }: MailOptions): AlarmSink {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === "smtps:";
  const within = (ms: number): number => Math.min(ms, timeoutMs ?? ms);
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 465 : 587) : Number(port),
    secure,
    // A password is not shown to a wire that is not encrypted.
    requireTLS: username !== "" && !secure,
    ...(username === "" ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: within(CONNECT_TIMEOUT_MS),
    greetingTimeout: within(GREETING_TIMEOUT_MS),
    socketTimeout: within(SOCKET_TIMEOUT_MS),
    // A notice is text made here: nothing of it may name a file or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = from.slice(from.lastIndexOf("@") + 1).replace(/[^A-Za-z0-9.-]/g, "") || "huiliu.invalid";
  return {
    name: "mail",
    target: `${hostname} → ${to.length}`,
    tell: async (notice) => {
      try {
        const sent = await transport.sendMail({
          from,
          to: [...to],
          subject: subjectLine(notice),
          text: bodyText(notice),
          messageId: `<${noticeId(notice)}@${domain}>`,
          headers: { "Auto-Submitted": "auto-generated", "X-Huiliu-Alarm": noticeId(notice) },
        });
        // It is told. Were it sent again for one address that nobody has, the others would get it again and again, and no other alarm ever.
        return sent.rejected.length === 0 ? { ok: true } : { ok: true, but: `${sent.rejected.length} of ${to.length} recipients refused` };
      } catch (error) {
        const { name, code, responseCode } = error as Error & { code?: string; responseCode?: number };
        return { ok: false, why: [code ?? name, responseCode].filter((part) => part !== undefined).join(" ") };
      }
    },
    close: async () => transport.close(),
  };
}
