/** What the integrator's story needs beside the browser: a hospital without one of its flows, and what the editor says in both languages. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The copy has no flow for what is drawn here; the places of the tabs after it close up, as a deploy would do it. */
export function without(root: string, gone: string): void {
  const place = (text: string): number => Number(/"order": (\d+),/.exec(text)?.[1]);
  const at = place(readFileSync(join(root, "flows", gone, "flow.json"), "utf8"));
  rmSync(join(root, "flows", gone), { recursive: true });
  for (const folder of readdirSync(join(root, "flows"))) {
    const file = join(root, "flows", folder, "flow.json");
    const text = readFileSync(file, "utf8");
    if (place(text) > at) writeFileSync(file, text.replace(/"order": \d+,/, `"order": ${place(text) - 1},`));
  }
}

/** What the editor says in one language. */
export interface Words {
  readonly locale: "zh-CN" | "en-US";
  readonly said: Readonly<Record<"translated" | "owed" | "unknown" | "refused" | "testsFail", RegExp>>;
}
export const ZH: Words = {
  locale: "zh-CN",
  said: {
    translated: /翻译成 1 个事件/,
    owed: /会欠“his” 1 笔回写/,
    unknown: /目标“ris”没有回写种类“payment-confirm”/,
    refused: /流程有误，未部署/,
    testsFail: /流程的测试未通过，没有部署/,
  },
};
export const EN: Words = {
  locale: "en-US",
  said: {
    translated: /translated into 1 events/,
    owed: /“his” would be owed 1 write-backs/,
    unknown: /destination “ris” has no write-back “payment-confirm”/,
    refused: /The flows are wrong and were not deployed/,
    testsFail: /The flow's tests fail: nothing was deployed/,
  },
};
export const WORDS = [ZH, EN];
