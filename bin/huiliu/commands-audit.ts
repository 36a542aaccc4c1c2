/** `huiliu audit verify`: whether the audit's chain is as it was written. `huiliu audit` lists what people did (commands.ts). */
import type { AuditVerification } from "../../domain/operations/views-audit.ts";
import type { Done } from "../../domain/operations/views.ts";
import { type Client, EXIT } from "./client.ts";
import type { Flags, Printed } from "./commands.ts";
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
    ...told.accepted.map((one) => `  ! ${printable(say(one.zh, one.en))}`),
    ...told.breaks.flatMap((one) => [
      say(
        `  断点 ${one.hash}：自第 ${one.from} 条，库外最后所见第 ${one.last.n} 条（${one.last.at}）`,
        `  break ${one.hash}: from entry ${one.from}, last seen outside entry ${one.last.n} (${one.last.at})`,
      ),
      one.asked === undefined
        ? say(
            "    确系恢复备份所致：npx huiliu audit accept-restore --hash … --reason …，另由审计员认可",
            "    if a backup was rightfully restored: npx huiliu audit accept-restore --hash … --reason …, then an auditor approves",
          )
        : say(
            `    ${printable(one.asked.by)} 已提出认可，待审计员`,
            `    ${printable(one.asked.by)} has asked to accept it; an auditor approves`,
          ),
    ]),
    ...(told.more === 0 ? [] : [say(`  另有 ${told.more} 处`, `  and ${told.more} more`)]),
  ];
}

/** `huiliu audit accept-restore`: asks for it; an auditor's account approves in the console, for whoever restores a database also holds this machine's token. */
export async function acceptRestore(client: Client, flags: Flags, by: string, say: Say): Promise<Printed> {
  const answer = await client.post<Done>("/audit/accept-restore", { hash: flags.hash, reason: flags.reason, by });
  const lines = [
    say(`已提出，记录号 ${answer.auditId}。`, `Asked, record ${answer.auditId}.`),
    say("请审计员在控制台“审计”页认可（24 小时内）。", "An auditor accepts it on the console's page Audit, within 24 hours."),
  ];
  return { answer, lines };
}

/** A chain that is broken is not in order, as totals that differ are not. */
export const verificationExit = (told: AuditVerification): number => (told.intact ? EXIT.ok : EXIT.failed);
