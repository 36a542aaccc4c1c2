/** A62: seven kinds of tampering with the audit, done by a superuser past the triggers, each found and named with the entry's place. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { type AuditWorld, auditWorld, rehash } from "./world.ts";

let world: AuditWorld;
before(async () => {
  world = await auditWorld();
});
beforeEach(() => world.reset());
after(() => world.close());

/** Ten entries, heads after the fourth, the seventh and the last. */
async function tenEntries(): Promise<void> {
  for (const count of [4, 3, 3]) {
    await world.deeds(count);
    assert.ok(await world.seal.look());
  }
  assert.deepEqual(await world.found(), []);
}

describe("A62 the audit's chain", () => {
  test("is intact as it was written, and says how far it is signed", async () => {
    await tenEntries();
    const told = await world.verify();
    assert.equal(told.intact, true);
    assert.deepEqual([told.entries, told.upTo, told.head?.n, told.outside], [10, "10", "10", "read"]);
    assert.equal(statSync(world.file.path).mode & 0o777, 0o600);
  });

  const SEVEN: readonly (readonly [name: string, statements: readonly string[], found: readonly string[]])[] = [
    ["altered: who", ["update operator_action set who = '李工' where id = 5"], ["altered 5"]],
    [
      "altered: a figure deep in the content",
      [`update operator_action set before = jsonb_set(before, '{run}', '9') where id = 3`],
      ["altered 3"],
    ],
    ["altered: when", ["update operator_action set at = at - interval '1 day' where id = 10"], ["altered 10"]],
    ["altered: a link", ["update audit_link set hash = repeat('0', 64) where n = 6"], ["altered 6"]],
    [
      "inserted with a link of its own",
      [
        "insert into operator_action (at, who, action, target_kind, target_id, reason) values (now(), '赵六', 'approve', 'replay-job', 'x', 'because')",
        `insert into audit_link select 11, max(id), 'x' from operator_action`,
        rehash(11),
      ],
      ["inserted 11"],
    ],
    [
      "inserted beside the chain",
      [
        "insert into operator_action (at, who, action, target_kind, target_id, reason) values (now(), '赵六', 'approve', 'replay-job', 'x', 'because')",
      ],
      ["inserted -"],
    ],
    [
      "inserted: an entry of ours once more",
      [
        "insert into operator_action (at, who, action, target_kind, target_id, reason, before, after, mark) select at, who, action, target_kind, target_id, reason, before, after, mark from operator_action where id = 4",
        `insert into audit_link select 11, max(id), 'x' from operator_action`,
        rehash(11),
      ],
      ["inserted 11"],
    ],
    ["deleted", ["delete from operator_action where id = 5"], ["deleted 5"]],
    [
      "deleted with its link",
      ["delete from operator_action where id in (5, 6)", "delete from audit_link where n in (5, 6)"],
      ["deleted 5-6"],
    ],
    ["deleted: the first", ["delete from operator_action where id = 1", "delete from audit_link where n = 1"], ["deleted 1"]],
    [
      "reordered: two links exchanged",
      [
        "update audit_link set action_id = case n when 5 then -6 when 6 then -5 end where n in (5, 6)",
        "update audit_link set action_id = -action_id where n in (5, 6)",
      ],
      ["reordered 5", "reordered 6"],
    ],
    [
      "reordered: what two entries say exchanged",
      [
        "create temp table c as select * from operator_action where id in (2, 8)",
        "update operator_action o set at = c.at, target_id = c.target_id, before = c.before, mark = c.mark from c where o.id = 10 - c.id and o.id in (2, 8)",
      ],
      ["reordered 2", "reordered 8"],
    ],
    ["truncated: the entries", ["delete from operator_action where id > 8"], ["truncated 9-10"]],
    [
      "truncated: entries and links",
      ["delete from operator_action where id > 8", "delete from audit_link where n > 8"],
      ["truncated 9-10"],
    ],
    ["truncated: the links alone", ["delete from audit_link where n > 8"], ["truncated 9-10"]],
    [
      "rewritten: one altered, all hashes new",
      ["update operator_action set who = '李工' where id = 6", rehash(6)],
      ["altered 6", "rewritten 5-10"],
    ],
    [
      "rewritten: one deleted, the rest moved up, all hashes and the database's heads new",
      [
        "delete from operator_action where id = 6",
        "delete from audit_link where n = 6",
        "update audit_link set n = n - 1 where n > 6",
        rehash(6),
        "delete from audit_head where n > 4",
        "insert into audit_head (n, hash, at, since, key, signature) select n, hash, '2026-01-01T00:00:00.000+08:00', 0, (select key from audit_head limit 1), 'AAAA' from audit_link where n = 9",
      ],
      ["rewritten 5-7", "truncated 10"],
    ],
    [
      "restored: an old copy of the database",
      ["delete from operator_action where id > 7", "delete from audit_link where n > 7", "delete from audit_head where n > 7"],
      ["restored 8-10"],
    ],
  ];
  for (const [name, statements, found] of SEVEN)
    test(name, async () => {
      await tenEntries();
      await world.tamper(...statements);
      assert.deepEqual(await world.found(), [...found].sort());
      const told = await world.verify();
      assert.equal(told.intact, false);
      for (const one of told.findings) assert.ok(/第|链外/.test(one.zh) && /entr/.test(one.en), one.zh);
    });

  test("an insert by SQL with the triggers on is linked and still not ours", async () => {
    await tenEntries();
    await world.sql(
      "insert into operator_action (at, who, action, target_kind, target_id, reason) values (now(), '赵六', 'approve', 'replay-job', 'x', 'r')",
    );
    assert.ok(await world.seal.look());
    assert.deepEqual(await world.found(), ["inserted 11"]);
  });

  test("what was cut or restored stays found after the engine went on from there", async () => {
    await tenEntries();
    await world.tamper("delete from operator_action where id > 8", "delete from audit_link where n > 8");
    for (const count of [1, 4]) {
      await world.deeds(count);
      assert.ok(await world.seal.look());
      assert.deepEqual(await world.found(), ["truncated 10"]);
    }
  });
  test("a restored copy stays found after the engine went on from there", async () => {
    await tenEntries();
    await world.tamper(
      "delete from operator_action where id > 7",
      "delete from audit_link where n > 7",
      "delete from audit_head where n > 7",
    );
    await world.deeds(1);
    assert.ok(await world.seal.look());
    assert.deepEqual(await world.found(), ["restored 9-10"], "shorter than what was signed");
    await world.deeds(4);
    assert.ok(await world.seal.look());
    assert.deepEqual(await world.found(), ["restored 9-10"], "longer than what was signed");
  });
  test("a rewritten one stays found after the engine went on", async () => {
    await tenEntries();
    await world.tamper("update operator_action set who = '李工' where id = 6", rehash(6));
    await world.deeds(1);
    assert.ok(await world.seal.look());
    assert.deepEqual(await world.found(), ["altered 6", "rewritten 5-10"]);
  });

  test("tables refuse to be changed as long as nobody goes past their triggers", async () => {
    await tenEntries();
    for (const table of ["operator_action", "audit_link", "audit_head"])
      for (const text of [
        `delete from ${table}`,
        `truncate ${table} cascade`,
        `update ${table} set ${table === "operator_action" ? "who" : "hash"} = 'x'`,
      ])
        await assert.rejects(world.sql(text), /append-only/);
  });
});

describe("A64 the seal", () => {
  test("is late or cannot write: no deed may be done; afterwards it may, and nothing is lost", async () => {
    await world.deeds(1);
    assert.ok(await world.seal.look());
    assert.equal(await world.seal.ready(), true);
    const folder = dirname(world.file.path);
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, "no folder");
    assert.equal(await world.seal.ready(), false, "the file cannot be written");
    await world.deeds(2);
    await assert.rejects(world.seal.look());
    rmSync(folder);
    renameSync(`${folder}.away`, folder);
    assert.equal(await world.seal.ready(), true);
    assert.equal((await world.seal.look())?.n, "3");
    assert.deepEqual(await world.found(), []);
    await world.deeds(1);
    await world.sql("update huiliu_clock set shift = interval '1 minute'");
    assert.equal(await world.seal.ready(), false, "an entry of a minute ago has no head: nobody seals");
    assert.ok(await world.seal.look());
    assert.equal(await world.seal.ready(), true);
  });

  test("half a line of a crash swallows no head", async () => {
    await world.deeds(1);
    assert.ok(await world.seal.look());
    appendFileSync(world.file.path, '{"n":"2","ha');
    await world.deeds(1);
    assert.ok(await world.seal.look());
    assert.deepEqual(
      (await world.file.heads())?.map((head) => head.n),
      ["1", "2"],
    );
    assert.deepEqual(await world.found(), []);
    assert.doesNotMatch(readFileSync(world.file.path, "utf8"), /PRIVATE/);
  });

  test("a head that was written outside and not inside, by a crash between the two, is no finding", async () => {
    await world.deeds(2);
    const [link] = await world.sql<{ n: string; hash: string }>("select n::text, hash from audit_link order by n desc limit 1");
    assert.ok(link);
    mkdirSync(dirname(world.file.path), { recursive: true });
    await world.file.append(world.keys.sign({ ...link, at: "2026-11-22T10:00:00.000+08:00", since: "0" }));
    assert.deepEqual(await world.found(), []);
    assert.ok(await world.seal.look());
    assert.deepEqual(await world.found(), []);
  });

  test("entries of before the chain are sealed as they are: a change of one is found", async () => {
    await world.tamper(
      ...[1, 2, 3].map(
        (n) =>
          `insert into operator_action (at, who, action, target_kind, target_id, reason) values (now(), 'w', 'a', 'message', '${n}', 'r')`,
      ),
      "insert into audit_link select id, id, 'x' from operator_action",
      rehash(1),
    );
    await world.deeds(2);
    assert.equal((await world.seal.look())?.since, "3");
    assert.deepEqual(await world.found(), []);
    await world.tamper("update operator_action set reason = 'x' where id = 2");
    assert.deepEqual(await world.found(), ["altered 2"]);
  });
});
