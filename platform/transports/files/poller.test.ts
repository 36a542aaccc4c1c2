/** Pollers and couriers over folders of this machine, with a journal in memory. The same over SFTP: test/contracts/files. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, test } from "node:test";
import { deflateRawSync, gzipSync, crc32 } from "node:zlib";
import type { CallRequest } from "../../../domain/writeback/ports.ts";
import { type Inbound, JournalBusy, type Journaled } from "../../../domain/journal/ports.ts";
import { createFileCourier } from "./courier.ts";
import { openStore } from "./open.ts";
import { createPoller, globOf, type Poller, type PollerOptions } from "./poller.ts";
import type { FileStore } from "./store.ts";

const POLICY = {
  ...{
    partner: "bank",
    vendor: "bank",
    bytesMax: 1_000,
    perSecond: 100,
    charset: "gbk",
    kinds: new Set(["statement"]),
    exchanges: new Set<string>(),
  },
};
const never = 86_400_000;

let folder = "";
let pollers: Poller[] = [];
const log: string[] = [];
const LOG = {
  debug: () => undefined,
  info: (_: object, message: string) => void log.push(message),
  warn: (_: object, message: string) => void log.push(message),
  error: (_: object, message: string) => void log.push(message),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "huiliu-files-"));
  log.length = 0;
});
afterEach(async () => {
  await Promise.all(pollers.map((one) => one.close()));
  pollers = [];
  await rm(folder, { recursive: true, force: true });
});

/** A journal that dedupes by identity, as the real one does. */
function journalOf() {
  const kept: Inbound[] = [];
  const made = {
    kept,
    answers: [] as string[],
    busy: false,
    accept: async (inbound: Inbound): Promise<Journaled> => {
      if (made.busy) throw new JournalBusy("full");
      const known = kept.some((one) => one.identity === inbound.identity);
      made.answers.push(known ? "duplicate" : "accepted");
      if (known) return { kind: "duplicate", messageId: "1", state: "received" };
      kept.push(inbound);
      return inbound.refusal
        ? { kind: "parked", messageId: "1", reason: inbound.refusal }
        : ({ kind: "accepted", message: {} } as Journaled);
    },
  };
  return made;
}

interface World {
  readonly options?: Partial<PollerOptions>;
  readonly journal?: ReturnType<typeof journalOf>;
  readonly open?: () => Promise<FileStore>;
  readonly lead?: () => boolean;
}
function watch({ options, journal = journalOf(), open, lead = () => true }: World = {}) {
  const poller = createPoller({
    options: {
      ...{ partner: "bank", where: "file:///x", everyMs: never, ready: "stable", after: "move", bytesMax: 1_000 },
      messages: [{ name: "*.txt", message: "statement" }],
      ...options,
    },
    open: open ?? (() => openStore({ url: pathToFileURL(folder).toString(), connectMs: 1_000 })),
    policy: () => POLICY,
    accept: journal.accept,
    lead: async () => lead(),
    give: async () => undefined,
    log: LOG,
  });
  pollers.push(poller);
  return { poller, journal };
}
const put = (name: string, text: string | Uint8Array): Promise<void> => writeFile(join(folder, name), text);
const there = async (): Promise<readonly string[]> => (await readdir(folder)).sort();

describe("file poller", () => {
  test("a file is taken when it held still over two polls, and moved to done/", async () => {
    const { poller, journal } = watch();
    await put("a.txt", "1");
    await poller.poll();
    assert.equal(journal.kept.length, 0);
    await put("a.txt", "12");
    await poller.poll();
    assert.equal(journal.kept.length, 0, "it grew");
    await poller.poll();
    assert.equal(Buffer.from(journal.kept[0]?.raw ?? []).toString(), "12");
    assert.equal(journal.kept[0]?.headers["file-name"], "a.txt");
    assert.deepEqual(await there(), ["done"]);
    assert.deepEqual(await readdir(join(folder, "done")), ["a.txt"]);
  });

  test("with markers only what has one is taken, and the marker goes too", async () => {
    const { poller, journal } = watch({ options: { ready: "marker", after: "delete" } });
    await put("a.txt", "1");
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.equal(journal.kept.length, 0);
    await put("a.txt.ok", "");
    await poller.poll();
    assert.equal(journal.kept.length, 1);
    assert.deepEqual(await there(), []);
  });

  test("a crash between journal and move takes nothing twice", async () => {
    const journal = journalOf();
    const dying = async (): Promise<FileStore> => ({
      ...(await openStore({ url: pathToFileURL(folder).toString(), connectMs: 1_000 })),
      folder: () => Promise.reject(new Error("killed")),
    });
    await put("a.txt", "1");
    const first = watch({ journal, open: dying });
    for (let round = 0; round < 4; round += 1) await first.poller.poll();
    assert.deepEqual(journal.answers, ["accepted"], "a move that fails is no reason to take it again");
    assert.equal(log.filter((line) => line === "a file is left where it is").length, 1, "told once");
    const second = watch({ journal });
    for (let round = 0; round < 3; round += 1) await second.poller.poll();
    assert.deepEqual(journal.answers, ["accepted", "duplicate"]);
    assert.deepEqual(await readdir(join(folder, "done")), ["a.txt"]);
  });

  test("the same name with other content, or later, is another message; done/ keeps all", async () => {
    const { poller, journal } = watch();
    for (const text of ["1", "2"]) {
      await put("a.txt", text);
      for (let round = 0; round < 2; round += 1) await poller.poll();
    }
    assert.deepEqual(
      journal.kept.map(({ raw }) => Buffer.from(raw).toString()),
      ["1", "2"],
    );
    assert.deepEqual((await readdir(join(folder, "done"))).sort(), ["a.txt", "a.txt.1"]);
  });

  test("a full journal leaves the file; it is taken when there is room", async () => {
    const { poller, journal } = watch();
    journal.busy = true;
    await put("a.txt", "1");
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.equal(poller.state().state, "away");
    journal.busy = false;
    for (let round = 0; round < 2; round += 1) await poller.poll();
    assert.equal(journal.kept.length, 1);
    assert.equal(poller.state().state, "up");
  });

  test("too large, a bomb, two files in a zip, a damaged one: parked with the reason, neighbours taken", async () => {
    const { poller, journal } = watch({
      options: {
        messages: [
          { name: "*.txt", message: "statement" },
          { name: "*.gz", message: "statement", unpack: "gzip" },
          { name: "*.zip", message: "statement", unpack: "zip" },
        ],
      },
    });
    await put("large.txt", "x".repeat(1_001));
    await put("bomb.gz", gzipSync(Buffer.alloc(5_000_000)));
    await put("damaged.zip", "PK");
    await put("two.zip", zipOf(["a", "1"], ["b", "2"]));
    await put("one.zip", zipOf(["inside.txt", "unpacked"]));
    await put("good.txt", "1");
    for (let round = 0; round < 2; round += 1) await poller.poll();
    assert.deepEqual(Object.fromEntries(journal.kept.map(({ headers, refusal }) => [headers["file-name"], refusal?.code ?? "taken"])), {
      "large.txt": "TOO_LARGE",
      "bomb.gz": "TOO_LARGE",
      "damaged.zip": "BAD_REQUEST",
      "two.zip": "BAD_REQUEST",
      "one.zip": "taken",
      "good.txt": "taken",
    });
    const one = journal.kept.find(({ headers }) => headers["file-name"] === "one.zip");
    assert.equal(Buffer.from(one?.raw ?? []).toString(), "unpacked");
  });

  test("names that are no UTF-8, links, folders, temporary names and vanished files are left alone", async () => {
    const { poller, journal } = watch();
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xb2, 0xe2]), Buffer.from(".txt")]), "1");
    await mkdir(join(folder, "b.txt"));
    await symlink("/etc/passwd", join(folder, "c.txt"));
    for (const name of [".d.txt", "e.txt.part", "f.tmp"]) await put(name, "1");
    await put("gone.txt", "1");
    await poller.poll();
    await rm(join(folder, "gone.txt"));
    await poller.poll();
    assert.equal(journal.kept.length, 0);
    assert.equal(poller.state().state, "up");
    assert.equal(log.length, 1, log.join());
  });

  test("a folder that is away is told once, tried again, and told when it is back", async () => {
    const { poller, journal } = watch();
    await rm(folder, { recursive: true });
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.deepEqual([poller.state().state, poller.state().failed], ["away", 3]);
    assert.equal(log.length, 1);
    await mkdir(folder);
    await put("a.txt", "1");
    for (let round = 0; round < 2; round += 1) await poller.poll();
    assert.equal(journal.kept.length, 1);
    assert.equal(log.length, 2);
  });

  test("one worker looks: the other sees nothing until it leads, and then looks twice", async () => {
    let leads = false;
    const { poller, journal } = watch({ lead: () => leads });
    await put("a.txt", "1");
    await utimes(join(folder, "a.txt"), 1, 1);
    for (let round = 0; round < 3; round += 1) await poller.poll();
    assert.equal(poller.state().state, "elsewhere");
    leads = true;
    await poller.poll();
    assert.equal(journal.kept.length, 0);
    await poller.poll();
    assert.equal(journal.kept.length, 1);
  });

  test("paused it takes nothing more", async () => {
    const { poller, journal } = watch();
    await put("a.txt", "1");
    await poller.poll();
    await poller.pause();
    await poller.poll();
    assert.equal(journal.kept.length, 0);
  });

  test("globs mean what they say", () => {
    for (const [glob, name, fits] of [
      ["*.txt", "a.txt", true],
      ["*.txt", "a.txt.ok", false],
      ["RF????.csv", "RF0001.csv", true],
      ["RF????.csv", "RF01.csv", false],
      ["a+b(1).txt", "a+b(1).txt", true],
      ["对账*.txt", "对账20261120.txt", true],
    ] as const)
      assert.equal(globOf(glob).test(name), fits, `${glob} ${name}`);
  });
});

describe("file courier", () => {
  const call = (text: string, name = "in/{key}.txt", key = "K1"): CallRequest => ({
    url: `${pathToFileURL(folder)}/${name}`,
    method: "PUT",
    headers: {},
    body: new TextEncoder().encode(text),
    ...{ connectTimeoutMs: 1_000, replyTimeoutMs: 1_000, replyBytesMax: 1_000 },
    about: { destination: "bank", mapping: "bank/file", key, attempt: 1 },
  });
  const courier = createFileCourier({ open: openStore, accountOf: () => ({}) });
  const told = async (request: CallRequest): Promise<string> => {
    const result = await courier.call(request);
    return result.kind === "reply" ? `${result.status} ${JSON.parse(Buffer.from(result.body).toString()).code}` : result.kind;
  };

  test("put once, again the same is already there, other content is never written over", async () => {
    await mkdir(join(folder, "in"));
    assert.equal(await told(call("1")), "200 STORED");
    assert.equal(await told(call("1")), "200 ALREADY");
    assert.equal(await told(call("2")), "409 DIFFERS");
    assert.equal(await readFile(join(folder, "in", "K1.txt"), "utf8"), "1");
    assert.deepEqual(await readdir(join(folder, "in")), ["K1.txt"]);
  });

  test("what an attempt that broke off left behind is put anew", async () => {
    await mkdir(join(folder, "in"));
    const breaking = createFileCourier({
      open: async (address) => {
        const store = await openStore(address);
        return { ...store, rename: () => Promise.reject(new Error("connection lost")) };
      },
      accountOf: () => ({}),
    });
    assert.equal((await breaking.call(call("1"))).kind, "no-reply");
    assert.equal((await readdir(join(folder, "in"))).length, 1);
    assert.equal(await told(call("1")), "200 STORED");
    assert.deepEqual(await readdir(join(folder, "in")), ["K1.txt"]);
  });

  test("no folder, no name, a name that leads out: nothing leaves us", async () => {
    assert.equal(await told(call("1", "nowhere/{key}.txt")), "unsent");
    assert.equal(await told(call("1", "")), "unsent");
    await mkdir(join(folder, "in"));
    await told(call("1", "in/{key}", "../../x"));
    assert.deepEqual(await there(), ["in"]);
  });
});

/** A zip archive of stored and deflated files. */
function zipOf(...files: readonly (readonly [name: string, text: string])[]): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, text] of files) {
    const packed = deflateRawSync(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(text), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(text.length, 18);
    common.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed]);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), common, tail, Buffer.from(name)]));
    locals.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(listed.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, listed, Buffer.from("PK\x05\x06"), end]);
}
