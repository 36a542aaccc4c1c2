#!/usr/bin/env node
/** The DLL bridge as a process of its own: beside the vendor's library, also on 32-bit Windows with Node 22 (docs/dll-bridge.md). */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Bridge, openBridge } from "../platform/transports/dll/bridge.ts";
import { checkDescription } from "../platform/transports/dll/description.ts";
import { RecordRefused } from "../platform/transports/dll/record.ts";

const USAGE = `node bin/dll-bridge.ts --library <description.json> --record <file> [options]
  --library     what the shared library is: functions, buffers, charset (docs/dll-bridge.md)  动态库说明
  --record      its record of calls: append-only, keep it for ever                            调用日志，须永久保留
  --create      begin a new record where there is none (the first start)                      首次启动时建立调用日志
  --key-file    file with the key that callers must send (else HUILIU_BRIDGE_KEY)             密钥文件
  --host        where it listens, 127.0.0.1                                                   监听地址
  --port        0: a free one                                                                 监听端口
  --tls-cert, --tls-key   PEM files: HTTPS (dlls://)                                           HTTPS 证书与私钥
  --supervised  end when standard input closes                                                标准输入关闭时退出
`;
const KEY_MIN = 16;

interface Given {
  readonly library?: string | undefined;
  readonly record?: string | undefined;
  readonly create: boolean;
  readonly host: string;
  readonly port: string;
  readonly "key-file"?: string | undefined;
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
}

/** Says what is wrong in one sentence and ends: there is nothing to clean up yet. */
class Refused extends Error {}

async function open(given: Given): Promise<Bridge> {
  const { library, record } = given;
  if (library === undefined || record === undefined) throw new Refused(USAGE);
  const checked = checkDescription(JSON.parse(readFileSync(library, "utf8")));
  if (!checked.ok) throw new Refused(`${library}:\n- ${checked.problems.join("\n- ")}`);
  const file = given["key-file"];
  const key = (file === undefined ? process.env.HUILIU_BRIDGE_KEY : readFileSync(file, "utf8"))?.trim() ?? "";
  if (key.length < KEY_MIN) throw new Refused(`a key of at least ${KEY_MIN} characters is needed / 密钥不得少于 ${KEY_MIN} 个字符`);
  const [cert, tlsKey] = [given["tls-cert"], given["tls-key"]];
  if ((cert === undefined) !== (tlsKey === undefined)) throw new Refused("--tls-cert and --tls-key belong together");
  const { host } = given;
  if (cert === undefined && host !== "127.0.0.1" && host !== "::1")
    process.stderr.write("listening beyond this machine without TLS: only in a network of its own / 未启用 TLS，只可用于专网\n");
  return openBridge({
    description: checked.description,
    key,
    host,
    port: Number(given.port),
    record,
    create: given.create,
    ...(cert === undefined || tlsKey === undefined ? {} : { tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(tlsKey, "utf8") } }),
    log: (message, about) => process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...about })}\n`),
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      library: { type: "string" },
      record: { type: "string" },
      create: { type: "boolean", default: false },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "0" },
      "key-file": { type: "string" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      supervised: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const bridge = await open(values);
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    bridge.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  if (values.supervised) process.stdin.on("end", end).on("close", end).on("error", end).resume();
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, url: bridge.url, state: bridge.session.state() })}\n`);
}

try {
  await main();
} catch (error) {
  const expected = error instanceof Refused || error instanceof RecordRefused;
  process.stderr.write(`${expected ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 2;
}
