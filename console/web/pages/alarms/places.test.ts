import assert from "node:assert/strict";
import { test } from "node:test";
import { ALARM, ALARM_KINDS } from "../../../../domain/alarms/kinds.ts";
import { PAGE_PATHS } from "../../../page-paths.ts";
import { placesOf } from "./places.ts";
import { stepOf, STEPS } from "./steps.ts";

const served = PAGE_PATHS.map((path) => new RegExp(`^${path.replace(":id", "[^/]+")}$`));

for (const kind of ALARM_KINDS)
  test(`where ${kind} leads is a page of this console, whatever its subject is called`, () => {
    for (const details of [{}, { firstMessage: "018f0000-0000-7000-8000-000000000000" }])
      for (const { to, text } of placesOf({ kind, subject: "药房/二&x=1", details })) {
        const address = new URL(to, "http://console");
        assert.ok(
          served.some((path) => path.test(address.pathname)),
          `${kind}: ${to}`,
        );
        assert.match(text, /^go\./);
        assert.equal(address.searchParams.get("x"), null, "a subject cannot write parameters of its own");
      }
  });

for (const kind of ALARM_KINDS)
  test(`what to do about ${kind} is said in the words of the pages; where the command line has a command for it, that stands beside it`, () => {
    const { command, zh, en } = STEPS[kind];
    for (const words of [zh, en]) assert.doesNotMatch(words, /npx|\/readyz/, "a person at the console types no command");
    assert.match(zh, /[\u4e00-\u9fff]/);
    const said = ALARM[kind].next;
    if (command === undefined)
      for (const words of [said.zh, said.en]) assert.doesNotMatch(words, /npx huiliu/, "the command is not shown here");
    else for (const words of [said.zh, said.en]) assert.ok(words.includes(command), `${command}: ${words}`);
  });

test("of a kind that a later version had, the engine's own words are shown", () => {
  assert.deepEqual(stepOf({ kind: "of-tomorrow", next: { zh: "看", en: "look" } }), { zh: "看", en: "look" });
});
