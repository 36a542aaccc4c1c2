/** A night at the hospital for browser tests of the console: a HIS that refuses on command, two people of the shift, and what is looked at on every page. */
import assert from "node:assert/strict";
import iconv from "iconv-lite";
import type { Page } from "playwright-core";
import { type Case, makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import { destination, type Huiliu, QUICK, until } from "../journeys/harness.ts";
import { type ConsoleBrowser, type Locale, makePerson, openConsole, type Person, startConsole } from "./console-harness.ts";

const DATE = "2026-11-20";
/** Above it a second person is needed. */
export const ALONE_MAX = 20;
export const WAIT_MS = 60_000;

/** Until what fades in has done so: half a colour is no colour. */
const still = (page: Page): Promise<boolean> =>
  until(
    "nothing moves",
    () =>
      page.evaluate<boolean>(
        `new Promise((done) => setTimeout(done, 150)).then(() => document.getAnimations().every((one) => one.playState !== "running" || one.effect?.getTiming().iterations === Infinity))`,
      ),
    WAIT_MS,
  );

export interface Night {
  readonly huiliu: Huiliu;
  /** Operator and integrator: replays, edits, changes profiles. */
  readonly night: Person;
  /** Approves. */
  readonly second: Person;
  /** What axe-core and the browser found on the pages looked at. A story is told to its end before anybody looks. */
  readonly wrong: string[];
  /** Payments so far, less those that a test before has left parked. */
  owed(): number;
  /** Before each test: what a test before it has left when it failed. */
  begin(): Promise<void>;
  readonly leftOver: () => number;
  /** The bills that were paid. */
  pay(count: number): Promise<readonly string[]>;
  /** Gives a fen of that bill's payment back: its confirm is owed in the lane of the bill, behind the payment's. */
  refundFen(bill: string): Promise<void>;
  /** The bill that is paid next. */
  nextBill(): string;
  countOf(state: string): Promise<number>;
  refused(count: number, text: string): Promise<readonly string[]>;
  /** Write-backs of a bill, in the order of its lane. */
  owedOf(bill: string): Promise<readonly { readonly id: string; readonly kind: string; readonly state: string }[]>;
  ledgerAgrees(): Promise<void>;
  open(as: Person, locale?: Locale, path?: string): Promise<ConsoleBrowser>;
  looked(browser: ConsoleBrowser, shot: string): Promise<void>;
  kept(browser: ConsoleBrowser, shot: string): Promise<void>;
  giveReason(page: Page, label: string, reason: string, confirm: string | RegExp): Promise<void>;
}

export async function startNight(name: string): Promise<Night> {
  const huiliu = await startConsole(name, {
    profiles: { his: destination({ ...QUICK, alarms: { warnAgeMs: 2_000, pageAgeMs: 600_000 } }) },
    engine: (_home, engine) => ({
      command: "/usr/bin/env",
      args: [`HUILIU_REPLAY_APPROVAL_COUNT=${ALONE_MAX}`, "HUILIU_REPLAY_APPROVAL_FEN=100000000", "HUILIU_EDIT_AND_REPLAY=on", ...engine],
    }),
  });
  const night = await makePerson(huiliu, ["operator", "integrator"], { login: "night", name: "夜班李明" });
  const second = await makePerson(huiliu, ["operator"], { login: "second", name: "值长王芳" });
  let ordinal = 0;
  let leftOver = 0;

  const caseOf = (n: number): Case => makeCase({ seed: 75, date: DATE, payer: "self" }, n);
  const paid = new Map<string, Case>();
  const tell = async (kind: "payment" | "refund", one: Case): Promise<void> => {
    const generator = GENERATORS[`his.${kind}`];
    assert.ok(generator);
    const made = generator.make(one, generator.charset);
    assert.ok(made.body.type === "document");
    const answer = await huiliu.post("his", kind, iconv.encode(made.body.text, generator.charset), {
      "content-type": `${made.body.media}; charset=${generator.charset}`,
      "idempotency-key": made.id,
    });
    assert.ok(answer.ok, await answer.text());
  };
  /** Payments of bills of their own, journaled. */
  const pay = async (count: number): Promise<readonly string[]> => {
    const bills: string[] = [];
    for (let i = 0; i < count; i += 1) {
      ordinal += 1;
      const one = caseOf(ordinal);
      await tell("payment", one);
      paid.set(one.bill, one);
      bills.push(one.bill);
    }
    return bills;
  };
  const refundFen = async (bill: string): Promise<void> => {
    const one = paid.get(bill);
    assert.ok(one, `${bill} was paid`);
    await tell("refund", { ...one, back: 1n });
  };
  const owedOf: Night["owedOf"] = async (bill) =>
    (await huiliu.sql("select id::text as id, kind, state from write_back where lane = $1 order by lane_seq", [`bill:${bill}`])).map(
      (row) => ({
        id: String(row.id),
        kind: String(row.kind),
        state: String(row.state),
      }),
    );
  const countOf = async (state: string): Promise<number> =>
    Number((await huiliu.sql("select count(*)::int as n from write_back where state = $1", [state]))[0]?.n);
  /** The HIS refuses so many payments, and they are parked. */
  const refused = async (count: number, text: string): Promise<readonly string[]> => {
    await huiliu.fault({ fault: "reject", code: "E101", text });
    const before = await countOf("parked");
    const bills = await pay(count);
    await until(
      `${count} are parked`,
      async () => (await countOf("parked")) === before + count,
      WAIT_MS,
      () => countOf("parked"),
    );
    return bills;
  };
  /** Every write-back of the engine took effect at the HIS once; it alone says so. */
  const ledgerAgrees = async (): Promise<void> => {
    const keys = (await huiliu.sql("select key from write_back where state = 'acknowledged'")).map(({ key }) => String(key));
    const effects = (await huiliu.ledger())
      .filter((line) => line.effect && line.kind === "payment-confirm")
      .map((line) => String(line.key));
    assert.equal(await countOf("acknowledged"), ordinal - leftOver, "all acknowledged");
    assert.deepEqual(effects.sort(), keys.sort(), "each once, and nothing else");
  };
  const open = async (as: Person, locale: Locale = "zh-CN", path = "/"): Promise<ConsoleBrowser> => {
    const browser = await openConsole({ huiliu, as, locale, path });
    browser.page.setDefaultTimeout(WAIT_MS);
    return browser;
  };
  /** What axe-core and the browser found on the pages looked at; the last test wants none. A story is told to its end before that. */
  const wrong: string[] = [];
  /** Looks a page over; kept as a picture once nothing moves on it. */
  const looked = async (browser: ConsoleBrowser, shot: string): Promise<void> => {
    await kept(browser, shot);
    wrong.push(...[...(await browser.axe()), ...browser.faults()].map((one) => `${shot}: ${one}`));
  };
  /** A picture alone: of a page that has a test of its own. */
  const kept = async (browser: ConsoleBrowser, shot: string): Promise<void> => {
    await browser.page.mouse.move(0, 0); // what a pointer rests on has other colours
    await still(browser.page);
    await browser.shot(shot);
  };
  const giveReason = async (page: Page, label: string, reason: string, confirm: string | RegExp): Promise<void> => {
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByLabel(label, { exact: true }).fill(reason);
    await dialog.getByRole("button", { name: confirm }).click();
    await dialog.waitFor({ state: "hidden" });
  };

  return {
    huiliu,
    night,
    second,
    wrong,
    owed: () => ordinal - leftOver,
    leftOver: () => leftOver,
    begin: async () => {
      leftOver = await countOf("parked");
    },
    pay,
    refundFen,
    nextBill: () => caseOf(ordinal + 1).bill,
    countOf,
    refused,
    owedOf,
    ledgerAgrees,
    open,
    looked,
    kept,
    giveReason,
  };
}
