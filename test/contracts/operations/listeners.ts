/** A tiny SMTP server and a tiny HTTP server that keep what they are told, and can be made to refuse, hang or send somewhere else. */
import { createServer as createHttp, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from "node:net";

export type Manner = "take" | "refuse" | "hang" | "redirect";

export interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Decoded. */
  readonly subject: string;
  readonly text: string;
  readonly raw: string;
}
export interface Listener<T> {
  readonly url: string;
  readonly got: T[];
  manner: Manner;
  /** E-mail: a recipient that the server does not know. */
  unknown?: string | undefined;
  close(): Promise<void>;
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
const closing = (server: Server, sockets: ReadonlySet<Socket>): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => sockets.delete(socket));
  });
  return sockets;
}

export async function httpListener(): Promise<Listener<Posted>> {
  const server = createHttp((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      listener.got.push({ path: request.url ?? "", headers: request.headers, body });
      if (listener.manner === "hang") return;
      if (listener.manner === "redirect") response.writeHead(302, { location: "/elsewhere" }).end();
      else response.writeHead(listener.manner === "take" ? 204 : 500).end();
    });
  });
  const sockets = socketsOf(server);
  const port = await listening(server);
  const listener: Listener<Posted> = {
    url: `http://127.0.0.1:${port}/hook?token=secret`,
    got: [],
    manner: "take",
    close: () => closing(server, sockets),
  };
  return listener;
}

/** RFC 2047: words of one header that follow each other are one run of bytes. */
function decodedHeader(text: string): string {
  const words = text.replace(/\r\n\s+/g, " ").replace(/\?=\s+=\?/g, "?==?");
  return words.replace(/(?:=\?utf-8\?[BQ]\?[^?]*\?=)+/gi, (run) =>
    Buffer.concat(
      [...run.matchAll(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi)].map(([, how = "", word = ""]) =>
        how.toUpperCase() === "B" ? Buffer.from(word, "base64") : Buffer.from(bytesOfQuoted(word.replaceAll("_", " ")), "latin1"),
      ),
    ).toString("utf8"),
  );
}
const bytesOfQuoted = (text: string): string =>
  text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const quoted = (text: string): string => Buffer.from(bytesOfQuoted(text), "latin1").toString("utf8");

function mailOf(from: string, to: readonly string[], raw: string): Mail {
  const split = raw.indexOf("\r\n\r\n");
  const [head, body] = [raw.slice(0, split), raw.slice(split + 4)];
  const subject = /^Subject: ((?:.|\r\n\s)*?)(?=\r\n\S)/im.exec(head)?.[1] ?? "";
  const encoding = /^Content-Transfer-Encoding: (\S+)/im.exec(head)?.[1]?.toLowerCase();
  const text = encoding === "base64" ? Buffer.from(body, "base64").toString("utf8") : encoding === "quoted-printable" ? quoted(body) : body;
  return { from, to, subject: decodedHeader(subject), text, raw };
}

export async function smtpListener(): Promise<Listener<Mail>> {
  const server = createTcp((socket) => {
    let [from, pending, data] = ["", "", undefined as string | undefined];
    let to: string[] = [];
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    if (listener.manner === "hang") return;
    say(listener.manner === "refuse" ? "554 no" : "220 test ESMTP");
    const command = (line: string): void => {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO" || verb === "HELO") say("250 test");
      else if (verb === "MAIL") {
        from = /<(.*?)>/.exec(line)?.[1] ?? "";
        to = [];
        say("250 ok");
      } else if (verb === "RCPT") {
        const recipient = /<(.*?)>/.exec(line)?.[1] ?? "";
        if (recipient !== listener.unknown) to.push(recipient);
        say(recipient === listener.unknown ? "550 no such user" : "250 ok");
      } else if (verb === "DATA") {
        data = "";
        say("354 go on");
      } else if (verb === "QUIT") {
        say("221 bye");
        socket.end();
      } else say("250 ok");
    };
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      pending += chunk;
      for (;;) {
        const end = pending.indexOf("\r\n");
        if (end < 0) return;
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        if (data === undefined) command(line);
        else if (line === ".") {
          listener.got.push(mailOf(from, to, data));
          data = undefined;
          say("250 taken");
        } else data += `${line.startsWith("..") ? line.slice(1) : line}\r\n`;
      }
    });
  });
  const sockets = socketsOf(server);
  const port = await listening(server);
  const listener: Listener<Mail> = { url: `smtp://127.0.0.1:${port}`, got: [], manner: "take", close: () => closing(server, sockets) };
  return listener;
}
