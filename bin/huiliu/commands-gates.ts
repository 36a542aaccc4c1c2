/** `huiliu pause`, `resume` and `drain`: what a destination may be sent; and how its gate reads in lists. */
import type { GateView } from "../../domain/operations/views-gates.ts";
import type * as views from "../../domain/operations/views.ts";
import type { Command } from "commander";
import type { Add, Deeds } from "./commands.ts";
import { ageText } from "./table.ts";
import type { Say } from "./texts.ts";

const HOLDS = [
  ["pause", "stop writing back to a destination; every worker obeys within a second · 暂停回写"],
  ["resume", "write back to it again · 恢复回写"],
] as const;

/** Adds the commands. */
export function addGateCommands(add: Add, { options, by, line }: Deeds): void {
  const path = (destination: string, action: string): string => `/destinations/${encodeURIComponent(destination)}/${action}`;
  for (const [action, description] of HOLDS) {
    options(
      add(`${action} <destination>`, description, (destination = "") => async (client, flags, say) => {
        const answer = await client.post<views.Done>(path(destination, action), { reason: flags.reason, by: by(flags) });
        return { answer, lines: [line(say, answer)] };
      }),
    );
  }
  const drain: Command = options(
    add(
      "drain <destination>",
      "let it drain for a while although it is paused or in its quiet hours · 限时排空",
      (destination = "") =>
        async (client, flags, say) => {
          const minutes = Number(flags.minutes);
          const answer = await client.post<views.Done>(path(destination, "drain"), { reason: flags.reason, by: by(flags), minutes });
          return { answer, lines: [line(say, answer)] };
        },
    ),
  );
  drain.requiredOption("--minutes <n>", "for so long from now · 时长（分钟）");
}

/** One cell: what keeps a destination from getting everything, or how fast it drains. Empty: nothing does. */
export function gateText(say: Say, gate: GateView | undefined): string {
  if (gate === undefined) return "";
  const parts: string[] = [];
  if (gate.mode === "paused") parts.push(say("已暂停", "paused"));
  if (gate.drainUntil !== undefined)
    parts.push(say(`允许排空至 ${gate.drainUntil.slice(11, 16)}`, `drains until ${gate.drainUntil.slice(11, 16)}`));
  if (gate.quietUntil !== undefined)
    parts.push(say(`静默至 ${gate.quietUntil.slice(11, 16)}`, `quiet until ${gate.quietUntil.slice(11, 16)}`));
  if (gate.breaker === "open") parts.push(say(`断路器断开（探测 ${gate.probes} 次）`, `breaker open (${gate.probes} probes)`));
  if (gate.breaker === "half-open") parts.push(say("试发一笔", "trying one"));
  if (gate.drainingSince !== undefined) {
    const eta =
      gate.drainEtaSeconds === undefined ? "" : say(`，约 ${ageText(gate.drainEtaSeconds)}`, `, about ${ageText(gate.drainEtaSeconds)}`);
    parts.push(`${say("排空中", "draining")} ${Math.round(gate.ratePerSecond ?? 0)}/s${eta}`);
  }
  return parts.join(" ");
}
