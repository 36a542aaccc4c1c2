/** JSON files of the folders that are listed at start. */
import { readFile } from "node:fs/promises";
import { type Problem, problem } from "../../domain/problem.ts";

/** The JSON of a file, or what is wrong with it. */
export async function readJsonFile(
  path: string,
): Promise<{ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Problem }> {
  try {
    return { ok: true, value: JSON.parse(await readFile(path, "utf8")) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, problem: problem("document", "", { zh: `读不出 JSON：${why}`, en: `cannot be read as JSON: ${why}` }) };
  }
}
