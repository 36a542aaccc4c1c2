/**
 * What is wrong with a view although it can be read: it grows and its watermark stands still, so that new rows are never taken; or its columns are other than when this
 * engine first looked. Neither is an error anywhere, and both lose rows or fields in silence.
 */
import type { Survey, ViewSource } from "./source.ts";

/** Pause between two surveys: counting a view costs the partner's server something. */
export const SURVEY_EVERY_MS = 60_000;
/** A survey rests so many times as long as it took, and at most so many times its usual pause. */
const REST_FACTOR = 50;
const REST_MAX_FACTOR = 10;
const NAMED_MAX = 5;

export interface Watch {
  /** Before a walk, so that whatever is counted the walk could take. Undefined: not due. Rejects when the view cannot be asked. */
  survey(): Promise<Survey | undefined>;
  /** After the walk: what is wrong, in both languages; undefined while nothing is. `taken`: rows of this walk. */
  judge(survey: Survey | undefined, taken: number): string | undefined;
}

/** Columns that went, came, or have another type: `-A`, `+B`, `C int→text`. */
function difference(was: Survey["columns"], is: Survey["columns"]): readonly string[] {
  const [before, now] = [new Map(was), new Map(is)];
  const gone = was.filter(([name]) => !now.has(name)).map(([name]) => `-${name}`);
  const come = is.filter(([name]) => !before.has(name)).map(([name]) => `+${name}`);
  const other = is.flatMap(([name, type]) => {
    const old = before.get(name);
    return old === undefined || old === type ? [] : [`${name} ${old}→${type}`];
  });
  return [...gone, ...come, ...other];
}

const changedColumns = (was: Survey["columns"], is: Survey["columns"]): string | undefined => {
  const found = difference(was, is);
  if (found.length === 0) return undefined;
  const named = `${found.slice(0, NAMED_MAX).join(", ")}${found.length > NAMED_MAX ? " …" : ""}`;
  return `视图的列变了：${named}，请核对档案与映射后重启引擎 / the view's columns changed: ${named}; check profile and mapping, then start the engine anew`;
};

export function createWatch(source: Pick<ViewSource, "survey">, tickMs: () => number, everyMs = SURVEY_EVERY_MS): Watch {
  let nextMs = Number.NEGATIVE_INFINITY;
  let columns: Survey["columns"] | undefined;
  /** Rows at the first survey since the watermark moved. */
  let rows: bigint | undefined;
  let moved = true;
  let stalled: string | undefined;
  let changed: string | undefined;

  const grown = (now: bigint): string | undefined => {
    if (moved || rows === undefined || now < rows) {
      rows = moved ? undefined : now;
      moved = false;
      return undefined;
    }
    if (now === rows) return undefined;
    const more = String(now - rows);
    return `视图多了 ${more} 行而水位列不动，这些行取不到 / ${more} rows more and the watermark stands still: they are never taken`;
  };

  return {
    survey: async () => {
      const begun = tickMs();
      if (begun < nextMs) return undefined;
      const found = await source.survey();
      nextMs = tickMs() + Math.max(everyMs, Math.min(REST_MAX_FACTOR * everyMs, REST_FACTOR * (tickMs() - begun)));
      return found;
    },
    judge: (survey, taken) => {
      if (taken > 0) {
        moved = true;
        stalled = undefined;
      }
      if (survey !== undefined) {
        columns ??= survey.columns;
        changed = changedColumns(columns, survey.columns);
        if (survey.rows !== undefined) stalled = grown(survey.rows);
      }
      return changed ?? stalled;
    },
  };
}
