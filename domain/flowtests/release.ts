/**
 * What was reviewed: the manifest beside a flow (`flows/<flow>/release.json`) names every file that decides what the flow does, by checksum, and which of its stored tests
 * passed. Production loads a flow only where everything is as its manifest says (docs/flow-tests.md).
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";

const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const Release = Type.Object(
  {
    version: Type.Literal(1),
    flow: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,47}$" }),
    by: Type.String({ minLength: 1, maxLength: 100, description: "谁发布 · who released it" }),
    at: Type.String({ description: "何时（中国时间） · when, China time" }),
    engine: Type.String({ description: "当时引擎的版本 · the engine's version then" }),
    files: Type.Record(Type.String(), Sha256, {
      description: "决定流程行为的每个文件的 SHA-256 · of every file that decides what the flow does",
    }),
    tests: Type.Array(Type.String(), { minItems: 1, description: "通过的测试 · tests that passed" }),
    checksum: Type.String({ pattern: "^[0-9a-f]{64}$", description: "以上各项的 SHA-256 · of all of the above" }),
    key: Type.String({ pattern: "^[0-9a-f]{64}$", description: "签名公钥的 SHA-256 · of the public key that signed it" }),
    signature: Type.String({
      pattern: "^[A-Za-z0-9+/]{86}==$",
      description: "以上各项的 ed25519 签名 · ed25519, over all of the above",
    }),
  },
  { additionalProperties: false, title: "汇流流程发布单 · Huiliu flow release" },
);
export type Release = Static<typeof Release>;

/** The closed list of why production does not load a flow. */
const REFUSED_FLOWS = {
  FLOW_NOT_RELEASED: {
    zh: "流程没有发布",
    en: "the flow was not released",
    nextZh: "在开发环境运行 npx huiliu flow release <流程>，经审阅后连同 release.json 一起带来",
    nextEn: "run npx huiliu flow release <flow> in development, have it reviewed, and bring it with its release.json",
  },
  FLOW_RELEASE_DAMAGED: {
    zh: "发布单不完整，或被改过",
    en: "the release is damaged, or was changed by hand",
    nextZh: "重新发布，不要手改 release.json",
    nextEn: "release it anew; do not edit release.json",
  },
  FLOW_NOT_SIGNED: {
    zh: "发布单没有签名",
    en: "the release is not signed",
    nextZh: "用现在的引擎重新发布：npx huiliu flow release <流程>",
    nextEn: "release it anew with the present engine: npx huiliu flow release <flow>",
  },
  FLOW_FOREIGN_KEY: {
    zh: "发布单由未受信任的密钥签名",
    en: "the release is signed with a key that is not trusted here",
    nextZh: "核对发布人的指纹（npx huiliu flow key），确属本院的，把其公钥加入 HUILIU_RELEASE_TRUSTED_FILE；否则勿用",
    nextEn:
      "compare the fingerprint with the releaser's (npx huiliu flow key); if it is yours, add its public key to HUILIU_RELEASE_TRUSTED_FILE; else do not use it",
  },
  FLOW_SIGNATURE_WRONG: {
    zh: "发布单的签名不符：签名之后被改动",
    en: "the release's signature does not fit: it was changed after it was signed",
    nextZh: "恢复已审阅的发布单，或重新发布；查明何人改动",
    nextEn: "restore the reviewed release, or release it anew; find out who changed it",
  },
  FLOW_DIFFERS: {
    zh: "文件与发布单不一致",
    en: "files differ from what was released",
    nextZh: "恢复已审阅的文件，或在开发环境修改、测试后重新发布",
    nextEn: "restore the reviewed files, or change them in development, test and release them anew",
  },
  FLOW_NODE_OUTSIDE: {
    zh: "含有执行代码或绕过引擎对外通信的节点",
    en: "it has nodes that run code or talk to the outside behind the engine's back",
    nextZh: "改用汇流节点或移除该节点",
    nextEn: "use Huiliu's own nodes, or remove them",
  },
  FLOW_TESTS_FAILED: {
    zh: "流程存储的测试没有通过",
    en: "the flow's stored tests fail",
    nextZh: "运行 npx huiliu flow test <流程> 查看原因，修正后重新发布",
    nextEn: "run npx huiliu flow test <flow> to see why, mend it and release it anew",
  },
} as const;
export type RefusedFlowCode = keyof typeof REFUSED_FLOWS;
const isRefusedFlowCode = (code: string): code is RefusedFlowCode => Object.hasOwn(REFUSED_FLOWS, code);

/** A code's texts and next step; a code that is none of ours is told as it is. */
export function refusedFlowWords(code: string): {
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
} {
  if (!isRefusedFlowCode(code)) return { zh: code, en: code, next: { zh: "查看引擎日志", en: "see the engine's log" } };
  const { zh, en, nextZh, nextEn } = REFUSED_FLOWS[code];
  return { zh, en, next: { zh: nextZh, en: nextEn } };
}

/** A flow that is not loaded, and why. */
export interface RefusedFlow {
  readonly flow: string;
  readonly code: RefusedFlowCode;
  /** Files that differ, failed tests, nodes. */
  readonly about: readonly string[];
}

/** Most things told of one refused flow. */
const ABOUT_MAX = 10;

/** In one line and both languages, with what to do. */
export function refusedFlowText({ flow, code, about }: RefusedFlow): string {
  const { zh, en, nextZh, nextEn } = REFUSED_FLOWS[code];
  const what = about.length === 0 ? "" : ` (${about.slice(0, ABOUT_MAX).join(", ")}${about.length > ABOUT_MAX ? " …" : ""})`;
  return `flows/${flow} [${code}] ${zh}${what}：${nextZh} · ${en}${what}: ${nextEn}`;
}

type Bare = Omit<Release, "checksum" | "key" | "signature">;

/** The text that a release's signature is over: all of it, and the key. */
export const signedText = (release: Bare, key: string): string => JSON.stringify(["huiliu flow release 1", key, releaseText(release)]);

/** The text whose SHA-256 is a release's checksum: its members in one order. */
export function releaseText({ version, flow, by, at, engine, files, tests }: Bare): string {
  const sorted = Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([version, flow, by, at, engine, sorted, [...tests].sort()]);
}

/** Reads a release file; undefined when it is none, or was changed since it was made. */
function readRelease(value: unknown, sha256: (text: string) => string): Release | undefined {
  if (!Value.Check(Release, value)) return undefined;
  const release = value as Release;
  return sha256(releaseText(release)) === release.checksum ? release : undefined;
}

/** What a release of a flow is judged by. Keys and hashes are ports. */
export interface Judge {
  readonly sha256: (text: string) => string;
  /** Whether a trusted key with this fingerprint signed the text; undefined: none is trusted with it. */
  readonly verifies: (key: string, text: string, signature: string) => boolean | undefined;
}

/** The release of this flow, if it is whole and a trusted key signed it; else why not. `value`: what its file holds. */
export function judgeRelease(value: unknown, flow: string, { sha256, verifies }: Judge): Release | Pick<RefusedFlow, "code" | "about"> {
  const bare = typeof value === "object" && value !== null && !("signature" in value);
  if (bare) return { code: "FLOW_NOT_SIGNED", about: [] };
  const release = readRelease(value, sha256);
  if (release?.flow !== flow) return { code: "FLOW_RELEASE_DAMAGED", about: [] };
  const { key, signature } = release;
  const signed = verifies(key, signedText(release, key), signature);
  if (signed === true) return release;
  return { code: signed === undefined ? "FLOW_FOREIGN_KEY" : "FLOW_SIGNATURE_WRONG", about: [key] };
}

/** Paths that are not as released: changed, gone, or not there then. `now`: path → SHA-256 of what decides today. */
export function differingFiles(release: Pick<Release, "files">, now: Readonly<Record<string, string>>): readonly string[] {
  const paths = new Set([...Object.keys(release.files), ...Object.keys(now)]);
  return [...paths].filter((path) => release.files[path] !== now[path]).sort();
}
