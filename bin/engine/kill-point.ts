/**
 * Kill points for fault runs (test/faults/): `HUILIU_FAILPOINT="name:nth,…"` has this process kill itself with SIGKILL when a failpoint has been reached for the
 * nth time, whichever of those named comes first. `HUILIU_FAILPOINT_LATER="after:nth;name:nth,…"` counts those named only once the first one has been reached nth times:
 * a process that dies again and again without having done anything is another fault. A production profile refuses to start with either.
 */
import { appendFileSync } from "node:fs";
import { onFailpoint } from "../../domain/failpoint.ts";

export class KillPointRefused extends Error {
  override readonly name = "KillPointRefused";
}

const ONE = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+):([1-9]\d{0,6})$/;

export interface KillPointSettings {
  readonly profile: "development" | "production";
  /** What HUILIU_FAILPOINT says; empty or absent: nothing listens, and failpoints cost one comparison. */
  readonly points: string | undefined;
  /** What HUILIU_FAILPOINT_LATER says. */
  readonly later?: string | undefined;
  /** A file to which the name of the point is appended before the process dies, so that the runner knows which one it was. */
  readonly note: string | undefined;
  readonly die: () => void;
}

/** Reads `name:nth,…`. Throws KillPointRefused for anything else. */
export function killPointsOf(text: string): Map<string, number> {
  const points = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name, nth] = ONE.exec(part.trim()) ?? [];
    if (name === undefined) {
      throw new KillPointRefused(
        `HUILIU_FAILPOINT: “${part}” is not <area>.<point>:<nth> / HUILIU_FAILPOINT：“${part}”不是 <区域>.<位置>:<第几次>`,
      );
    }
    points.set(name, Number(nth));
  }
  return points;
}

const named = (text: string | undefined): text is string => text !== undefined && text.trim() !== "";

/** Listens when asked to. Throws KillPointRefused in a production profile, and for a text that names no point. */
export function armKillPoints(settings: KillPointSettings): void {
  const { profile, points: text, later, note, die } = settings;
  if (!named(text) && !named(later)) return;
  if (profile === "production") {
    throw new KillPointRefused(
      "HUILIU_FAILPOINT is set: it kills the engine on purpose and is for fault runs only; unset it\n已设置 HUILIU_FAILPOINT：它会故意杀死引擎，只用于故障演练，请取消该变量",
    );
  }
  const left = named(text) ? killPointsOf(text) : new Map<string, number>();
  const [after = "", rest = ""] = named(later) ? later.split(";") : [];
  const waiting = named(later) ? killPointsOf(rest) : new Map<string, number>();
  const until = named(later) ? killPointsOf(after) : new Map<string, number>();
  onFailpoint((name) => {
    const before = until.get(name);
    if (before !== undefined) {
      if (before > 1) until.set(name, before - 1);
      else {
        until.clear();
        for (const [point, nth] of waiting) left.set(point, nth);
      }
    }
    const count = left.get(name);
    if (count === undefined) return;
    left.set(name, count - 1);
    if (count > 1) return;
    if (note !== undefined) appendFileSync(note, `${name}\n`);
    die();
  });
}
