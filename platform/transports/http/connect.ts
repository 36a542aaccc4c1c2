/** A bare connect: whether somebody accepts connections at an address, TLS handshake included. Nothing is asked and nothing is sent. */
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";

const DEFAULT_PORT: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "dll:": 7_070,
  "dlls:": 7_070,
  "mllp:": 2_575,
  "mllps:": 2_575,
  "sftp:": 22,
  "ftp:": 21,
  "ftps:": 21,
};

/** Undefined: the connection stood, and is closed again; else why it did not within `timeoutMs`. Never rejects. */
export function connectOnce(url: string, timeoutMs: number): Promise<string | undefined> {
  if (!URL.canParse(url)) return Promise.resolve("not an address");
  const { protocol, hostname, port } = new URL(url);
  if (protocol === "file:") return Promise.resolve(undefined); // a folder is there, or its files wait
  const usual = DEFAULT_PORT[protocol];
  if (usual === undefined) return Promise.resolve(`no connect for ${protocol}`);
  const secure = protocol === "https:" || protocol === "dlls:" || protocol === "mllps:";
  const host = hostname.replace(/^\[|\]$/g, "");
  const to = { host, port: port === "" ? usual : Number(port) };
  return new Promise((resolve) => {
    let told = false;
    const end = (why?: string): void => {
      if (told) return;
      told = true;
      socket.destroy();
      resolve(why);
    };
    // Who they are is checked with every call; a probe only asks whether they are there.
    const socket = secure
      ? connectTls({ ...to, ...(isIP(host) === 0 ? { servername: host } : {}), rejectUnauthorized: false })
      : connect(to);
    socket.setTimeout(timeoutMs, () => end(`no connection within ${timeoutMs} ms`));
    socket.once(secure ? "secureConnect" : "connect", () => end());
    socket.once("error", (error) =>
      end(error.message || "code" in error ? `${"code" in error ? error.code : ""} ${error.message}`.trim() : error.name),
    );
    socket.once("close", () => end("closed before it stood"));
  });
}
