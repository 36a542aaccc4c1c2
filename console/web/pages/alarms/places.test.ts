import assert from "node:assert/strict";
import { test } from "node:test";
import { ALARM_KINDS } from "../../../../domain/alarms/kinds.ts";
import { PAGE_PATHS } from "../../../page-paths.ts";
import { placesOf } from "./places.ts";

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
