/** What was done to the audit, in words. */
import type { AcceptedBreak } from "./restore.ts";
import type { Finding, Tampering } from "./verify.ts";

const WORDS: Readonly<Record<Tampering, readonly [zh: string, en: string]>> = {
  altered: ["内容被改动", "was altered"],
  inserted: ["不是引擎写入的（被插入）", "was inserted: the engine did not write it"],
  deleted: ["被删除", "was deleted"],
  reordered: ["次序被调换", "stands in another's place (reordered)"],
  truncated: ["末尾被截去", "was cut off the end"],
  rewritten: ["被整体改写并重新计算了哈希", "was rewritten, with new hashes"],
  restored: ["不在库中：数据库恢复成了旧副本", "is not there: an old copy of the database was restored"],
};

/** One sentence in each language, with the entry's place in the chain and its own number. */
export function findingTexts({ kind, n, to, entry }: Finding): { readonly zh: string; readonly en: string } {
  const [zh, en] = WORDS[kind];
  const number = entry === undefined ? ["", ""] : [`（记录号 ${entry}）`, ` (record ${entry})`];
  const placeZh = n === "-" ? "一条链外记录" : to === undefined ? `第 ${n} 条` : `第 ${n} 至 ${to} 条`;
  const placeEn = n === "-" ? "an entry outside of the chain" : to === undefined ? `entry ${n}` : `entries ${n} to ${to}`;
  const plural =
    to === undefined
      ? en
      : en
          .replace(/^was /, "were ")
          .replace(/^stands /, "stand ")
          .replace(/^is /, "are ");
  return { zh: `${placeZh}${number[0]}${zh}`, en: `${placeEn}${number[1]} ${plural}` };
}

/** An accepted break by its name: what is missing, and which entry accepts it. */
export function acceptedTexts({ from, last, accepted }: AcceptedBreak): { readonly zh: string; readonly en: string } {
  const span = from === last.n ? from : `${from}–${last.n}`;
  const { by, approvedBy, entry } = accepted;
  return {
    zh: `已认可的断点：第 ${span} 条随数据库恢复而缺失，${by} 提出、${approvedBy ?? ""} 认可（记录号 ${entry}）`,
    en: `accepted break: entries ${span} are missing since the database was restored; asked by ${by}, approved by ${approvedBy ?? ""} (record ${entry})`,
  };
}
