/**
 * What may not be started (design.md decisions 18 and 19): settings in, problems out, all at once, each in both languages with what to do. Pure; the facts are
 * gathered by bin/engine/safety.ts. Production checks everything; development what endangers others on the machine or the network.
 */
import { type ConsoleFacts, consoleProblems, secretFileProblems } from "./safety-console.ts";

/** What is known of a start. A fact that was not told (undefined) is not judged. */
export interface SafetyFacts extends ConsoleFacts {
  readonly profile: "development" | "production";
  readonly credentials: {
    /** Where the file is; undefined: none was named. */
    readonly file: string | undefined;
    /** Undefined: it is not there or cannot be read. */
    readonly content: unknown;
    /** Permission bits; undefined where the file system has none. */
    readonly mode: number | undefined;
  };
  readonly urls: { readonly postgres?: string | undefined; readonly amqp?: string | undefined; readonly redis?: string | undefined };
  /** Where the doors listen. */
  readonly host: string;
  /** A port for the editor that a person set; 0 = any. */
  readonly editorPort: number | undefined;
  readonly partners: readonly { readonly partner: string; readonly url: string | undefined }[];
  readonly flows: {
    /** What does not load, one line each. */
    readonly unreadable: readonly string[];
    readonly nodes: readonly { readonly folder: string; readonly id: string; readonly type: string; readonly disabled: boolean }[];
  };
}

/** The closed list of what refuses a start. */
export type SafetyCode =
  | "CREDENTIALS_MISSING"
  | "CREDENTIALS_OPEN"
  | "CREDENTIALS_SHAPE"
  | "PARTNER_WITHOUT_CREDENTIALS"
  | "SECRET_SHORT"
  | "SECRET_GUESSABLE"
  | "SECRET_SHARED"
  | "URL_WITHOUT_PASSWORD"
  | "URL_PLAIN"
  | "URL_UNREADABLE"
  | "HOST_NOT_LOOPBACK"
  | "PARTNER_PLAIN"
  | "PARTNER_PLACEHOLDER"
  | "CONSOLE_WITHOUT_TLS"
  | "CONSOLE_TLS_UNREADABLE"
  | "SECRET_FILE"
  | "EDITOR_PORT"
  | "FLOWS_UNREADABLE"
  | "FLOW_NODE_FORBIDDEN";

export interface SafetyProblem {
  readonly code: SafetyCode;
  /** The setting, file or node. */
  readonly at: string;
  readonly zh: string;
  readonly en: string;
  readonly nextZh: string;
  readonly nextEn: string;
}

/** Shortest token, key and AMQP password of production, in characters; what we make has more than 40. */
const SECRET_MIN = 24;
/** Shortest password in a server's address. */
const PASSWORD_MIN = 12;
/** Fewest different characters of a secret: "aaaaaaaa…" is long and worth nothing. */
const DISTINCT_MIN = 8;
/** Seeds of partners whose address the start fills in name this port of loopback. */
const PLACEHOLDER_PORT = "1";
/** Names of this end are nobody's (RFC 2606). */
const NOWHERE = ".invalid";
/** Permission bits of group and others. */
const OTHERS = 0o077;
/** A secret that consists of these words and digits alone was never made by chance. */
const WORDS =
  /^(?:change|me|default|pass|word|wd|secret|admin|guest|root|user|token|key|test|demo|example|sample|huiliu|operator|observer|partner|abc|qwerty|letmein|your|here|replace|this|my|dev|development|prod|production|postgres|rabbit|rabbitmq|redis|amqp|his|hospital|neusoft|chongqing|jkt)+$/;

/**
 * Nodes of Node-RED that a production flow may hold beside ours: they move, change and look at messages. What is not here runs code (function, exec), reads
 * and writes files, or talks to the outside behind the courier's back (http request, mqtt, tcp …): its effect would be in no record.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  ..."tab subflow group comment junction catch status complete switch change range template delay trigger split join sort batch".split(" "),
  ..."rbe csv html json xml yaml inject debug".split(" "),
  ...["link in", "link out", "link call"],
]);

const SCHEMES: Readonly<
  Record<
    keyof SafetyFacts["urls"],
    { readonly name: string; readonly secure: (url: URL) => boolean; readonly zh: string; readonly en: string }
  >
> = {
  postgres: {
    name: "HUILIU_POSTGRES_URL",
    secure: (url) => ["require", "verify-ca", "verify-full"].includes(url.searchParams.get("sslmode") ?? ""),
    zh: "在地址后加 ?sslmode=verify-full（至少 require）",
    en: "add ?sslmode=verify-full (at least require) to the address",
  },
  amqp: { name: "HUILIU_AMQP_URL", secure: (url) => url.protocol === "amqps:", zh: "改用 amqps://", en: "use amqps://" },
  redis: { name: "HUILIU_REDIS_URL", secure: (url) => url.protocol === "rediss:", zh: "改用 rediss://", en: "use rediss://" },
};

/** Whether a host name can only be this machine. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);

/** Whether a secret looks like one that somebody typed: a word from a manual, few different characters. */
export function isGuessable(secret: string): boolean {
  const letters = secret.toLowerCase().replace(/[^a-z]/g, "");
  return new Set(secret).size < Math.min(DISTINCT_MIN, secret.length) || letters === "" || WORDS.test(letters);
}

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);
const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const REPLACE_SECRET = {
  nextZh: "换成随机值：node -e \"console.log(crypto.randomBytes(24).toString('base64url'))\"",
  nextEn: "replace it by chance: node -e \"console.log(crypto.randomBytes(24).toString('base64url'))\"",
};

/** Every problem of a start; empty = it may go on. */
export function safetyProblems(facts: SafetyFacts): readonly SafetyProblem[] {
  const production = facts.profile === "production";
  return [
    ...credentialProblems(facts, production),
    ...(production ? [...urlProblems(facts), ...partnerProblems(facts), ...editorProblems(facts)] : []),
    ...hostProblems(facts),
    ...consoleProblems(facts),
    ...secretFileProblems(facts),
    ...flowProblems(facts, production),
  ];
}

function credentialProblems({ credentials, partners }: SafetyFacts, production: boolean): readonly SafetyProblem[] {
  const at = credentials.file ?? "HUILIU_CREDENTIALS_FILE";
  if (credentials.content === undefined)
    return [
      {
        code: "CREDENTIALS_MISSING",
        at,
        zh: credentials.file === undefined ? "未指定凭据文件" : "凭据文件不存在、不可读或不是 JSON",
        en: credentials.file === undefined ? "no credentials file is named" : "the credentials file is not there, not readable or not JSON",
        nextZh: "把 HUILIU_CREDENTIALS_FILE 设为凭据文件的路径（内容同开发环境的 .data/credentials.json，口令须重新生成）",
        nextEn: "set HUILIU_CREDENTIALS_FILE to its path (made like development's .data/credentials.json, with secrets of its own)",
      },
    ];
  const problems: SafetyProblem[] = [];
  if (credentials.mode !== undefined && (credentials.mode & OTHERS) !== 0)
    problems.push({
      code: "CREDENTIALS_OPEN",
      at,
      zh: `凭据文件可被其他用户访问（权限 ${(credentials.mode & 0o777).toString(8)}）`,
      en: `others on this machine may use the credentials file (mode ${(credentials.mode & 0o777).toString(8)})`,
      nextZh: `执行 chmod 600 ${at}`,
      nextEn: `run chmod 600 ${at}`,
    });
  if (production) problems.push(...secretProblems(at, credentials.content, partners));
  return problems;
}

interface Secret {
  readonly at: string;
  readonly value: unknown;
}

function secretProblems(file: string, content: unknown, partners: SafetyFacts["partners"]): readonly SafetyProblem[] {
  const given = record(content);
  const proofs = record(given?.partners);
  const shape = (zh: string, en: string): SafetyProblem => ({
    code: "CREDENTIALS_SHAPE",
    at: file,
    zh,
    en,
    nextZh: "内容应为 {token, partners: {<伙伴>: {key, amqpUser, amqpPassword}}, observer: {amqpUser, amqpPassword}}",
    nextEn: "it holds {token, partners: {<partner>: {key, amqpUser, amqpPassword}}, observer: {amqpUser, amqpPassword}}",
  });
  if (given === undefined || proofs === undefined) return [shape("凭据文件缺少 partners", "the credentials file has no partners")];
  const problems: SafetyProblem[] = [];
  for (const { partner } of partners)
    if (record(proofs[partner]) === undefined)
      problems.push({
        code: "PARTNER_WITHOUT_CREDENTIALS",
        at: `partners.${partner}`,
        zh: `伙伴 ${partner} 没有凭据`,
        en: `partner ${partner} has no credentials`,
        nextZh: `在凭据文件的 partners 下加入 ${partner}，或移除 partners/${partner}.json`,
        nextEn: `add ${partner} under partners in the credentials file, or remove partners/${partner}.json`,
      });
  if (record(given.observer) === undefined) problems.push(shape("凭据文件缺少 observer", "the credentials file has no observer"));
  const secrets: Secret[] = [
    { at: "token", value: given.token },
    ...Object.entries(proofs).flatMap(([name, proof]) =>
      ["key", "amqpPassword"].map((field) => ({ at: `partners.${name}.${field}`, value: record(proof)?.[field] })),
    ),
    ...(record(given.observer) === undefined ? [] : [{ at: "observer.amqpPassword", value: record(given.observer)?.amqpPassword }]),
  ];
  return [...problems, ...secrets.flatMap(weakness), ...shared(secrets)];
}

function weakness({ at, value }: Secret): readonly SafetyProblem[] {
  const text = typeof value === "string" ? value : "";
  if (text.length < SECRET_MIN)
    return [
      { code: "SECRET_SHORT", at, zh: `短于 ${SECRET_MIN} 个字符`, en: `is shorter than ${SECRET_MIN} characters`, ...REPLACE_SECRET },
    ];
  if (isGuessable(text))
    return [
      { code: "SECRET_GUESSABLE", at, zh: "像默认口令，容易猜到", en: "looks like a default and is easily guessed", ...REPLACE_SECRET },
    ];
  return [];
}

function shared(secrets: readonly Secret[]): readonly SafetyProblem[] {
  const first = new Map<unknown, string>();
  return secrets.flatMap(({ at, value }) => {
    if (typeof value !== "string" || value === "") return [];
    const other = first.get(value);
    if (other === undefined) {
      first.set(value, at);
      return [];
    }
    return [{ code: "SECRET_SHARED" as const, at, zh: `与 ${other} 相同`, en: `is the same as ${other}`, ...REPLACE_SECRET }];
  });
}

function urlProblems({ urls }: SafetyFacts): readonly SafetyProblem[] {
  return (Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]).flatMap((kind) => {
    const text = urls[kind];
    if (text === undefined) return [];
    const { name: at, secure, zh, en } = SCHEMES[kind];
    const url = urlOf(text);
    if (url === undefined)
      return [
        {
          code: "URL_UNREADABLE" as const,
          at,
          zh: "不是地址",
          en: "is not an address",
          nextZh: "检查地址中的特殊字符是否已编码",
          nextEn: "check that special characters in it are encoded",
        },
      ];
    const problems: SafetyProblem[] = [];
    const password = decodeURIComponent(url.password);
    if (password.length < PASSWORD_MIN || isGuessable(password))
      problems.push({
        code: "URL_WITHOUT_PASSWORD",
        at,
        zh: password === "" ? "没有口令" : `口令短于 ${PASSWORD_MIN} 个字符或像默认口令`,
        en:
          password === "" ? "has no password" : `has a password shorter than ${PASSWORD_MIN} characters, or one that looks like a default`,
        nextZh: "给该服务的账户设置随机口令并写入地址",
        nextEn: "give the server's account a password made by chance and put it into the address",
      });
    if (!isLoopback(url.hostname) && !secure(url))
      problems.push({
        code: "URL_PLAIN",
        at,
        zh: "口令和患者数据会以明文经过网络",
        en: "passwords and patients' data would cross the network in the clear",
        nextZh: zh,
        nextEn: en,
      });
    return problems;
  });
}

/** Wires that nobody on the way can read; `file:` is no wire. */
const ENCRYPTED: ReadonlySet<string> = new Set(["https:", "dlls:", "mllps:", "sftp:", "ftps:", "file:"]);

/** What keeps production from writing to these addresses. Asked at start, and of every change of a destination's profile. */
export function partnerProblems({ partners }: Pick<SafetyFacts, "partners">): readonly SafetyProblem[] {
  return partners.flatMap(({ partner, url: text }): SafetyProblem[] => {
    const url = text === undefined ? undefined : urlOf(text);
    if (url === undefined) return [];
    if ((url.hostname === "127.0.0.1" && url.port === PLACEHOLDER_PORT) || url.hostname.endsWith(NOWHERE))
      return [
        {
          code: "PARTNER_PLACEHOLDER",
          at: `partners/${partner}.json`,
          zh: "目标地址仍是样例",
          en: "the destination is still the sample's",
          nextZh: "在文件中或 HUILIU_PARTNER_URLS 中填写真实地址；本院没有此对接方的，删去其档案与用到它的流程",
          nextEn:
            "put its real address into the file or into HUILIU_PARTNER_URLS; where the hospital has no such partner, remove its file and the flows that name it",
        },
      ];
    if (ENCRYPTED.has(url.protocol) || isLoopback(url.hostname)) return [];
    return [
      {
        code: "PARTNER_PLAIN",
        at: `partners/${partner}.json`,
        zh: `目标地址 ${url.protocol}//${url.host} 未加密`,
        en: `the destination ${url.protocol}//${url.host} is not encrypted`,
        nextZh: "改用 https://，或在本机放一个加密代理并指向 127.0.0.1",
        nextEn: "use https://, or put an encrypting proxy on this machine and name 127.0.0.1",
      },
    ];
  });
}

function editorProblems({ editorPort }: SafetyFacts): readonly SafetyProblem[] {
  if (editorPort === undefined || editorPort === 0) return [];
  return [
    {
      code: "EDITOR_PORT",
      at: "HUILIU_EDITOR_PORT",
      zh: "生产环境没有编辑器",
      en: "production has no editor",
      nextZh: "去掉该设置；在开发环境修改流程后发布",
      nextEn: "remove the setting; change flows in development and release them",
    },
  ];
}

function hostProblems({ host }: SafetyFacts): readonly SafetyProblem[] {
  if (isLoopback(host)) return [];
  return [
    {
      code: "HOST_NOT_LOOPBACK",
      at: "HUILIU_HOST",
      zh: `网关和运维接口会在 ${host} 上以明文 HTTP 对外开放`,
      en: `the gateway and the operators' API would be open on ${host} over plain HTTP`,
      nextZh: "去掉该设置（只监听 127.0.0.1），由同机的 TLS 反向代理对外",
      nextEn: "remove the setting (127.0.0.1 alone) and let a TLS proxy on this machine face the network",
    },
  ];
}

function flowProblems({ flows }: SafetyFacts, production: boolean): readonly SafetyProblem[] {
  const unreadable = flows.unreadable.map((line) => ({
    code: "FLOWS_UNREADABLE" as const,
    at: line.split(/[: ]/)[0] ?? "flows",
    zh: `流程不能加载：${line}`,
    en: `a flow does not load: ${line}`,
    nextZh: "修复或移除该文件夹",
    nextEn: "mend or remove the folder",
  }));
  if (!production) return unreadable;
  const forbidden = flows.nodes
    .filter(({ type, disabled }) => !disabled && !HARMLESS.has(type) && !type.startsWith("huiliu-") && !type.startsWith("subflow:"))
    .map(({ folder, id, type }) => ({
      code: "FLOW_NODE_FORBIDDEN" as const,
      at: `flows/${folder} ${id}`,
      zh: `节点类型 ${type} 不能用于生产：它执行代码、读写文件或绕过引擎对外通信`,
      en: `a node of type ${type} may not run in production: it runs code, uses files or talks to the outside behind the engine's back`,
      nextZh: "改用汇流节点或移除该节点",
      nextEn: "use Huiliu's own nodes, or remove it",
    }));
  return [...unreadable, ...forbidden];
}

/** Every problem as a text for a terminal, Chinese after English, each with what to do. */
export function safetyText(profile: SafetyFacts["profile"], problems: readonly SafetyProblem[]): string {
  const lines = problems.map(({ code, at, zh, en, nextZh, nextEn }) => `- ${at} [${code}]\n    ${en}: ${nextEn}\n    ${zh}：${nextZh}`);
  return `Start refused (${profile}): ${problems.length} unsafe settings / 启动被拒绝：${problems.length} 项不安全设置\n${lines.join("\n")}`;
}
