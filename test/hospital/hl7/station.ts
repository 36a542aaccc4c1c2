/** An HL7 system of the hospital: it sends its messages to the engine by MLLP and takes the engine's. What it sends and takes is told by lis/, ris/ and adt/. */
import { chinaTime } from "../clock.ts";
import { maybeTextOf, objectOf, type Order, textOf } from "../fields.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import { createDesk, openBook, type Takes } from "./desk.ts";
import { openDoor } from "./door.ts";
import { createOutbox, type Outbox } from "./line.ts";
import { type Charset, escaped, header, segment, stamp } from "./wire.ts";

/** A message to be sent, without its MSH. */
export interface Made {
  /** `DFT^P03^DFT_P03` */
  readonly type: string;
  /** Number within the system; MSH-10 is made from it. */
  readonly no: string;
  readonly segments: readonly string[];
  readonly order: string | null;
  readonly amount: bigint | null;
  readonly serial?: string;
}

export interface Station {
  /** MSH-3 and MSH-4. */
  readonly application: string;
  readonly facility: string;
  /** Asks for both acknowledgements (MSH-15/16 AL); else original mode. An order may say otherwise: `"mode": "original"`. */
  readonly enhanced: boolean;
  readonly takes: Takes;
  /** `{"send": {"message": …}}` → what is sent. Throws OrderRefused. */
  readonly make: Readonly<Record<string, (order: Order, at: string) => Made>>;
}

const TRIES = 120;
const RETRY_MS = 500;
const LINES = 4;
/** Answers after which the same message is sent again. */
const AGAIN = new Set(["AR", "CE", "CR"]);
const KIND = /^([A-Z]{3})\^([A-Z0-9]{3})/;

/** PID and PV1 as every message here has them. `visit`, `patient: {no, name?}`, `class` (O, E, I). */
export function people(order: Order): readonly string[] {
  const patient = objectOf(order, "patient");
  const name = maybeTextOf(patient, "name");
  return [
    segment("PID", {
      1: "1",
      3: `${escaped(textOf(patient, "no"))}^^^HIS^PI`,
      5: name === undefined ? "" : escaped(name),
      7: "19900101",
      8: "M",
    }),
    segment("PV1", {
      1: "1",
      2: maybeTextOf(order, "class") ?? "O",
      3: "A03^^^01",
      7: "D0001^测试医师",
      19: `${escaped(textOf(order, "visit"))}^^^HIS^VN`,
    }),
  ];
}

export async function startStation(options: PartnerOptions, station: Station): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const book = await openBook(premises);
  const counters: Record<string, number> = { messages: 0, sent: 0 };
  const outbox = createOutbox(LINES);
  const desk = createDesk({ premises, application: station.application, takes: station.takes, counters }, book);
  const door = await openDoor(options.doorPorts?.mllp ?? options.port, premises.faults, desk);
  const control = await premises.open({
    counters: () => counters,
    changed: door.apply,
    listening: door.listening,
    send: (order) => {
      const make = station.make[textOf(order, "message")];
      if (make === undefined) throw new OrderRefused(`message is one of ${Object.keys(station.make).join(", ")}`);
      counters.sent = (counters.sent ?? 0) + 1;
      return tell(premises, station, outbox, make(order, stamp(maybeTextOf(order, "at") ?? chinaTime(premises.clock.now()))), order);
    },
  });
  return {
    mllp: door.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    close: async () => {
      outbox.close();
      await door.close();
      await premises.close();
    },
  };
}

function addressOf(premises: Premises): string | undefined {
  const doors = premises.engine()?.mllp as Readonly<Record<string, string>> | undefined;
  return doors?.[premises.name];
}

/** Sends until the engine has taken it or refused it for good. Each attempt is a line of the ledger. */
async function tell(premises: Premises, station: Station, outbox: Outbox, made: Made, order: Order): Promise<unknown> {
  if (addressOf(premises) === undefined) throw new OrderRefused(`${premises.name} was not told the engine's MLLP address`);
  const [, code = "", trigger = ""] = KIND.exec(made.type) ?? [];
  const kind = `${code}-${trigger}`.toLowerCase();
  const plan = premises.faults.plan({ scope: "write-back", bill: made.order, kind });
  const id = `${station.application}${made.no}`;
  const enhanced = (maybeTextOf(order, "mode") ?? (station.enhanced ? "enhanced" : "original")) === "enhanced";
  const charset: Charset = plan.gbk === undefined ? "UNICODE UTF-8" : "GB 18030-2000";
  const msh = header({ ...station, at: stamp(chinaTime(premises.clock.now())), type: made.type, id, enhanced, charset });
  const text = [msh, ...made.segments].map((line) => `${line}\r`).join("");
  const line = (answer: string, effect: boolean): Promise<void> =>
    premises.record({
      key: id,
      kind,
      order: made.order,
      amount: made.amount === null ? null : made.amount.toString(),
      effect,
      answer,
      raw: text,
      ...(made.serial === undefined ? {} : { serial: made.serial }),
      sent: true,
    });
  const say = (deaf: boolean) => outbox.say(addressOf(premises) ?? "", text, id, { enhanced, charset, deaf });
  for (let left = TRIES; left > 0; left -= 1) {
    const heard = await say(plan["drop-reply"] !== undefined && left === TRIES);
    const taken = heard?.code === "AA";
    await line(heard?.code ?? "none", taken);
    if (taken && plan.duplicate !== undefined) await say(false);
    if (heard !== null && !AGAIN.has(heard.code)) return { id, answer: heard.code, text: heard.text };
    await premises.timers.wait(RETRY_MS);
  }
  throw new OrderRefused(`${kind} ${id} was not taken`);
}
