/** `huiliu audit verify`: whether the audit's chain is as it was written. `huiliu audit` lists what people did (commands.ts). */
import type { AuditVerification } from "../../domain/operations/views-audit.ts";
import { EXIT } from "./client.ts";
import { printable } from "./table.ts";
import type { Say } from "./texts.ts";

/** What was found, one line each. */
export function verificationText(say: Say, told: AuditVerification): string[] {
  const head =
    told.head === undefined
      ? say("尚无签名链首", "no signed head yet")
      : say(
          `已签名至第 ${told.head.n} 条（${told.head.at}，密钥 ${told.head.key}）`,
          `signed up to entry ${told.head.n} (${told.head.at}, key ${told.head.key})`,
        );
  const outside = {
    read: say("库外签名文件：已核对", "file of heads outside: compared"),
    empty: say("库外签名文件：空", "file of heads outside: empty"),
    missing: say("库外签名文件：不存在", "file of heads outside: not there"),
  }[told.outside];
  const result = told.intact
    ? say(`审计链完好：${told.entries} 条`, `The audit's chain is intact: ${told.entries} entries`)
    : say(
        `审计链已被破坏：${told.findings.length + told.more} 处`,
        `The audit's chain is broken: ${told.findings.length + told.more} findings`,
      );
  return [
    `${result}  ${head}`,
    outside,
    ...told.findings.map((one) => `  ${one.kind}  ${printable(say(one.zh, one.en))}`),
    ...(told.more === 0 ? [] : [say(`  另有 ${told.more} 处`, `  and ${told.more} more`)]),
  ];
}

/** A chain that is broken is not in order, as totals that differ are not. */
export const verificationExit = (told: AuditVerification): number => (told.intact ? EXIT.ok : EXIT.failed);
