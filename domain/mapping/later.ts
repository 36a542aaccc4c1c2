/**
 * Acknowledgements that come on their own way (vendor.json: `acknowledgements`), held against the outbound documents that they name: a declaration that could
 * never acknowledge anything is refused at start.
 */
import { type Problem, problem } from "../problem.ts";
import type { Mapping } from "./mapping.ts";
import type { VendorDocument } from "./vendor.ts";

/** Everything wrong with a vendor's later acknowledgements; `mappings` by message. Each with a JSON pointer into vendor.json. */
export function laterProblems(vendor: VendorDocument, mappings: ReadonlyMap<string, Mapping>): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [kind, { acknowledges, by }] of Object.entries(vendor.acknowledgements ?? {})) {
    const at = `/acknowledgements/${kind}`;
    const wrong = (where: string, zh: string, en: string): void => void problems.push(problem("document", `${at}${where}`, { zh, en }));
    if (mappings.has(kind)) wrong("", `${kind} 已是一种报文`, `${kind} is a message of its own already`);
    if (vendor.exchanges.includes(kind)) wrong("", "确认不是交换", "an acknowledgement is no exchange");
    const mapping = mappings.get(acknowledges);
    if (mapping?.direction !== "outbound" || mapping.purpose === "inquiry") {
      wrong("/acknowledges", `没有出站报文 ${acknowledges}`, `there is no outbound message ${acknowledges}`);
      continue;
    }
    const { ack } = mapping.document.reply;
    if (ack.deferred === undefined)
      wrong(
        "/acknowledges",
        `${acknowledges} 的应答约定没有 deferred 代码`,
        `the reply of ${acknowledges} lists no deferred code: nothing would wait for this`,
      );
    if (ack[by] === undefined)
      wrong("/by", `${acknowledges} 的应答约定没有写 ${by} 的位置`, `the reply of ${acknowledges} gives no place of ${by}`);
    if (by === "key" && ack.keyFirst !== undefined)
      wrong(
        "/by",
        `${acknowledges} 的应答只带部分键，无法凭键对应`,
        `the reply of ${acknowledges} names only part of the key: nothing is found by that`,
      );
    // It has no connection to vouch for it: amount and serial must be told, and agree.
    for (const part of ["amount", "serial"] as const)
      if (mapping.document[part] !== undefined && ack[part] === undefined)
        wrong(
          "/acknowledges",
          `${acknowledges} 的应答约定没有写 ${part} 的位置，无法核对`,
          `the reply of ${acknowledges} gives no place of ${part}: it could not be compared`,
        );
  }
  return problems;
}
