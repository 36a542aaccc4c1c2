/** What may not be started of the console beyond this machine (issue 4, sign-in): part of safety.ts. */
import type { SafetyProblem } from "./safety.ts";

export interface ConsoleFacts {
  /** Where people on other machines reach the console; absent: nowhere. */
  readonly console?:
    | {
        readonly host: string;
        readonly cert: string | undefined;
        readonly key: string | undefined;
        readonly keyMode: number | undefined;
        /** Both are readable and belong together. */
        readonly fits: boolean;
      }
    | undefined;
  /** Files of secrets that the settings name. */
  readonly secretFiles?: readonly { readonly at: string; readonly readable: boolean; readonly mode: number | undefined }[];
}

/** Permission bits of group and others. */
const OTHERS = 0o077;

/** The console leaves this machine under TLS alone, with a key that nobody else on the machine can read. */
export function consoleProblems({ console }: ConsoleFacts): readonly SafetyProblem[] {
  if (console === undefined) return [];
  const { host, cert, key, keyMode, fits } = console;
  if (cert === undefined || key === undefined)
    return [
      {
        code: "CONSOLE_WITHOUT_TLS",
        at: "HUILIU_CONSOLE_HOST",
        zh: `控制台会在 ${host} 上以明文对外开放，密码与患者数据可被截获`,
        en: `the console would be open on ${host} in the clear, passwords and patients' data with it`,
        nextZh: "设置 HUILIU_CONSOLE_TLS_CERT 与 HUILIU_CONSOLE_TLS_KEY，或去掉 HUILIU_CONSOLE_HOST（只监听 127.0.0.1）",
        nextEn: "set HUILIU_CONSOLE_TLS_CERT and HUILIU_CONSOLE_TLS_KEY, or remove HUILIU_CONSOLE_HOST (127.0.0.1 alone)",
      },
    ];
  if (!fits)
    return [
      {
        code: "CONSOLE_TLS_UNREADABLE",
        at: "HUILIU_CONSOLE_TLS_CERT",
        zh: `${cert} 或 ${key} 不可读、不是 PEM，或两者不成对`,
        en: `${cert} or ${key} is not readable, not PEM, or they do not belong together`,
        nextZh: "检查路径与文件内容：openssl x509 -noout -in 证书；openssl pkey -noout -in 私钥",
        nextEn: "check paths and contents: openssl x509 -noout -in <certificate>; openssl pkey -noout -in <key>",
      },
    ];
  return openFile("HUILIU_CONSOLE_TLS_KEY", key, keyMode);
}

const openFile = (at: string, file: string, mode: number | undefined): readonly SafetyProblem[] =>
  mode === undefined || (mode & OTHERS) === 0
    ? []
    : [
        {
          code: "SECRET_FILE",
          at,
          zh: `${file} 可被其他用户读取（权限 ${(mode & 0o777).toString(8)}）`,
          en: `others on this machine may use ${file} (mode ${(mode & 0o777).toString(8)})`,
          nextZh: `执行 chmod 600 ${file}`,
          nextEn: `run chmod 600 ${file}`,
        },
      ];

export function secretFileProblems({ secretFiles = [] }: ConsoleFacts): readonly SafetyProblem[] {
  return secretFiles.flatMap(({ at, readable, mode }) =>
    readable
      ? openFile(at, at, mode)
      : [
          {
            code: "SECRET_FILE" as const,
            at,
            zh: "文件不存在、不可读或为空",
            en: "the file is not there, not readable or empty",
            nextZh: "检查路径与权限",
            nextEn: "check its path and its mode",
          },
        ],
  );
}
