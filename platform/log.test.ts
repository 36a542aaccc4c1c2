import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { createLog, dispatcherLog, LOG_TEXT_MAX } from "./log.ts";

function captured(level: "debug" | "info" = "debug") {
  const lines: string[] = [];
  return { log: createLog({ level, destination: { write: (line: string) => void lines.push(line) } }), lines };
}

describe("log", () => {
  test("one JSON line an event, with level, time and fields", () => {
    const { log, lines } = captured();
    log.child({ room: "relay" }).info({ partner: "his", amountFen: 1650n, raw: new Uint8Array(9) }, "two\nlines");
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.split("\n").length, 2, "the line and its end");
    const { time, pid, ...line } = JSON.parse(lines[0] ?? "");
    assert.deepEqual(line, { level: 30, room: "relay", partner: "his", amountFen: "1650", raw: "9 bytes", msg: "two\nlines" });
    assert.match(time, /^\d{4}-\d\d-\d\dT/);
    assert.equal(pid, process.pid);
  });

  test("below the level nothing is written", () => {
    const { log, lines } = captured("info");
    log.debug({}, "quiet");
    assert.deepEqual(lines, []);
  });

  test("errors with their causes; long texts are cut; cycles end", () => {
    const { log, lines } = captured();
    const round: Record<string, unknown> = {};
    round.self = round;
    const error = new Error("outer", { cause: Object.assign(new TypeError("inner 13800138000"), { code: "ECONNRESET" }) });
    log.error({ err: error, round, text: "x".repeat(10_000) }, "failed");
    log.error(error, "by itself");
    const line = JSON.parse(lines[0] ?? "");
    assert.equal(line.err.message, "outer");
    assert.deepEqual([line.err.cause.type, line.err.cause.code, line.err.cause.message], ["TypeError", "ECONNRESET", "inner 138****8000"]);
    assert.ok(line.text.length <= LOG_TEXT_MAX + 1);
    assert.equal(JSON.parse(lines[1] ?? "").err.message, "outer");
  });

  test("the dispatcher's order of arguments", () => {
    const { log, lines } = captured();
    dispatcherLog(log).warn("claim failed", { destination: "his" });
    assert.deepEqual([JSON.parse(lines[0] ?? "").msg, JSON.parse(lines[0] ?? "").destination], ["claim failed", "his"]);
  });

  describe("a line that names something leads to it", () => {
    const at = "https://huiliu.hospital.test";
    const id = "01a2022b-8326-75ee-8807-7ecedee201df";
    const other = "01a2022b-8354-7059-9b51-3e258596d44f";
    const written = (fields: object, child: object, known: string | undefined): unknown => {
      const lines: string[] = [];
      const log = createLog({ level: "info", destination: { write: (line: string) => void lines.push(line) }, console: () => known });
      log.child(child).warn(fields, "x");
      return JSON.parse(lines[0] ?? "").console;
    };
    const cases: readonly (readonly [what: string, fields: object, child: object, link: string | undefined])[] = [
      ["a message", { messageId: id }, {}, `${at}/messages/${id}`],
      ["a write-back before its message", { messageId: id, writeBackId: other }, {}, `${at}/write-backs/${other}`],
      ["the dispatcher's write-back", { destination: "his", id }, {}, `${at}/write-backs/${id}`],
      ["a replay job", { replayJob: "17" }, {}, `${at}/replays/17`],
      ["what the log is a child for", {}, { messageId: id }, `${at}/messages/${id}`],
      ["nothing", { partner: "his" }, {}, undefined],
      ["an id of who knows what", { id }, {}, undefined],
      ["no id", { messageId: "../../accounts" }, {}, undefined],
    ];
    for (const [what, fields, child, link] of cases) test(what, () => assert.equal(written(fields, child, at), link));
    test("nowhere while nobody knows where the console is", () => assert.equal(written({ messageId: id }, {}, undefined), undefined));
    test("nothing is made for lines that are not written", () => {
      const log = createLog({
        level: "warn",
        destination: { write: () => assert.fail("written") },
        console: () => assert.fail("a link was made"),
      });
      log.info({ messageId: id }, "below the level");
      log.debug({ messageId: id }, "below the level");
    });
  });

  test("S3-31 S0-38 no personal data reaches the log, wherever somebody puts it", () => {
    const { log, lines } = captured();
    const personal = [
      "990101199001010019",
      "11010519491231002X",
      "13800138000",
      "１３８００１３８０００",
      "6222021234567890123",
      "张三丰",
      "欧阳锋",
    ];
    for (const one of personal) {
      log.info(
        { text: `^${one}^`, list: [`|${one}|`], deep: { patient: { name: one, idCard: one } }, json: `{"psn_name":"${one}"}` },
        `<XM>${one}</XM>`,
      );
      log.error({ err: new Error(`bad value "${one}"`) }, "failed");
    }
    const all = lines.join("");
    for (const one of personal) assert.ok(!all.includes(one), one);
  });

  test("the partners' own samples leave no person in the log", () => {
    const folder = new URL("../mappings/", import.meta.url);
    const { log, lines } = captured();
    let read = 0;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.parentPath.includes("examples")) continue;
      const bytes = readFileSync(`${entry.parentPath}/${entry.name}`);
      for (const charset of ["utf-8", "gb18030"]) {
        try {
          const text = new TextDecoder(charset, { fatal: true }).decode(bytes);
          for (let from = 0; from < text.length; from += 1_000) log.debug({ excerpt: text.slice(from, from + 2_000) }, "excerpt");
          read += 1;
        } catch (error) {
          if (!(error instanceof TypeError)) throw error; // not of this charset
        }
      }
    }
    assert.ok(read > 0, "no samples were read");
    const all = lines.join("");
    for (const one of ["990101199001010019", "测试患者甲", "测试患者乙", "oTESTOPENID0000000000000001"]) assert.ok(!all.includes(one), one);
  });
});
