import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { failpoint, onFailpoint } from "../../domain/failpoint.ts";
import { armKillPoints, KillPointRefused, killPointsOf } from "./kill-point.ts";

afterEach(() => onFailpoint(() => undefined));

describe("kill points", () => {
  test("S0-42 the nth time a point is reached kills, and says which point it was", () => {
    const dir = mkdtempSync(join(tmpdir(), "huiliu-kill-"));
    const note = join(dir, "note");
    let deaths = 0;
    const die = (): void => {
      deaths += 1;
    };
    armKillPoints({ profile: "development", points: "journal.before-commit:3, relay.before-mark:1", note, die });
    failpoint("journal.before-commit");
    failpoint("journal.before-commit");
    failpoint("journal.after-commit");
    assert.equal(deaths, 0);
    failpoint("journal.before-commit");
    assert.equal(deaths, 1);
    assert.equal(readFileSync(note, "utf8"), "journal.before-commit\n");
    rmSync(dir, { recursive: true });
  });

  test("S0-42 points that count later count once the process has done something", () => {
    let deaths = 0;
    const die = (): void => {
      deaths += 1;
    };
    armKillPoints({ profile: "development", points: undefined, later: "settle.after-commit:2;a.b:1,c.d:2", note: undefined, die });
    for (const name of ["a.b", "settle.after-commit", "a.b", "c.d", "settle.after-commit", "c.d"]) failpoint(name);
    assert.equal(deaths, 0);
    failpoint("a.b");
    assert.equal(deaths, 1);
    failpoint("c.d");
    assert.equal(deaths, 2);
    assert.throws(
      () => armKillPoints({ profile: "production", points: undefined, later: "a.b:1;c.d:1", note: undefined, die }),
      KillPointRefused,
    );
  });

  test("a production profile refuses them; nothing listens when none is named", () => {
    const die = (): void => assert.fail("died");
    const given = { points: "journal.before-commit:1", note: undefined, die } as const;
    assert.throws(() => armKillPoints({ profile: "production", ...given }), KillPointRefused);
    armKillPoints({ profile: "production", ...given, points: undefined });
    armKillPoints({ profile: "production", ...given, points: " " });
    failpoint("journal.before-commit");
  });

  for (const text of ["journal", "journal.before-commit", "journal.before-commit:0", "a.b:1,,c.d:1", "a b.c:1"])
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => killPointsOf(text), KillPointRefused));
});
