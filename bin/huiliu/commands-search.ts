/** `huiliu search …`: one line of keys, everything that bears one of them: messages and write-backs. */
import { readFileSync } from "node:fs";
import type { MessagePage, Page, WriteBackRow } from "../../domain/operations/views.ts";
import { Refused } from "./client.ts";
import type { Add, Flags } from "./commands.ts";
import { goneText } from "./commands-watch.ts";
import * as texts from "./texts.ts";

/** Keys that the API takes at once (domain/operations/ports.ts KEYS_MAX). */
const KEYS_MAX = 100;

interface SearchFlags extends Flags {
  readonly list?: string;
}

const refuse = (zh: string, en: string): never => {
  const next = {
    zh: "npx huiliu search <单据号> [<单据号> …]，或 --list <文件>",
    en: "npx huiliu search <number> [<number> …], or --list <file>",
  };
  throw new Refused(400, { code: "BAD_REQUEST", zh, en, next });
};

/** Keys as people have them: one by one, or pasted with commas, blanks or line ends between them. `-` reads standard input. */
function keysOf(given: readonly string[], list: string | undefined): readonly string[] {
  const pasted = list === undefined ? "" : readFileSync(list === "-" ? 0 : list, "utf8");
  const keys = [...new Set([...given, pasted].flatMap((text) => text.split(/[\s,，;；]+/)).filter((one) => one !== ""))];
  if (keys.length === 0) return refuse("没有给出要查找的号码", "There is nothing to search for");
  return keys.length > KEYS_MAX ? refuse(`一次最多 ${KEYS_MAX} 个号码`, `At most ${KEYS_MAX} numbers at once`) : keys;
}

export function addSearchCommand(add: Add): void {
  add(
    "search [keys...]",
    "everything that bears a bill, visit, order, patient or serial number, or an id · 按任一业务号查找",
    (...given) => {
      return async (client, flags, say) => {
        const { list, from, to, limit } = flags as SearchFlags;
        const query = { key: keysOf(given, list).join(","), from, to, limit };
        const [messages, writeBacks] = await Promise.all([
          client.get<MessagePage>("/messages", query),
          client.get<Page<WriteBackRow>>("/write-backs", query),
        ]);
        const lines = [
          say(`报文 ${messages.items.length}`, `Messages: ${messages.items.length}`),
          ...texts.messagesText(say, messages.items),
          ...goneText(say, messages.pastRetention),
          "",
          say(`回写 ${writeBacks.items.length}`, `Write-backs: ${writeBacks.items.length}`),
          ...texts.writeBacksText(say, writeBacks.items),
        ];
        return { answer: { messages, writeBacks }, lines };
      };
    },
  )
    .option("--list <file>", "keys from a file, - from standard input · 从文件读取号码")
    .option("--from <time>", "day or time · 起")
    .option("--to <time>", "day or time · 止")
    .option("--limit <n>", "rows of each · 每类条数");
}
