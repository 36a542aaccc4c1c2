/** The engine's own way to a DLL bridge, without its database: dialects, couriers and delivery are the real ones; claims and the journal are kept here. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createCouriers } from "../../../bin/engine/couriers.ts";
import { createDialects } from "../../../bin/engine/dialects.ts";
import { loadPartners } from "../../../bin/engine/partners.ts";
import { createSealer } from "../../../bin/engine/seal.ts";
import type { Inbound, Journaled, JournaledMessage } from "../../../domain/journal/ports.ts";
import type { Event } from "../../../domain/events/event.ts";
import { createDeliver } from "../../../domain/writeback/deliver.ts";
import { policyOf } from "../../../domain/writeback/policy.ts";
import type { AttemptEnd, Claimed } from "../../../domain/writeback/ports.ts";
import { loadMappings } from "../../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../../platform/catalogue-events.ts";
import { BRIDGE_KEY, createDllCourier } from "../../../platform/transports/dll/courier.ts";
import { fakeSeal } from "../../fakes/dialect.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const registry = await loadEventRegistry();
const loaded = await loadMappings(ROOT, registry);

export interface EngineWorld {
  /** Owes one settlement and works on it until it is acknowledged, parked, or `attempts` are used up. */
  settle(request: Settlement): Promise<Worked>;
  /** The same write-back came back from a worker that died: one attempt, which asks. */
  askAbout(request: Settlement): Promise<AttemptEnd>;
  /** What a journaled exchange, or a pushed one, is translated to. */
  translate(inbound: Inbound): ReturnType<ReturnType<typeof createDialects>["translateBy"]>;
  readonly exchanges: Inbound[];
  close(): Promise<void>;
}
export interface Settlement {
  readonly no: string;
  readonly visit: string;
  readonly bill: string;
  readonly fen: number;
}
export interface Worked {
  readonly ends: readonly AttemptEnd[];
  readonly last: AttemptEnd;
}

/** `partner` is neusoft or chongqing as seeded, at another address. */
export function engineWorld(partnerName: "neusoft" | "chongqing", url: string, key: string, attemptsMax = 12): EngineWorld {
  const partners = new Map(loadPartners(ROOT, { [partnerName]: url }, new Set(loaded.vendors.keys())));
  const partner = partners.get(partnerName);
  const policy = partner && policyOf(partner);
  if (!partner?.destination || !policy?.ok) throw new Error(`no destination ${partnerName}`);
  const quick = { ...policy.policy, connectTimeoutMs: 1_000, replyTimeoutMs: 5_000, leaseMs: 20_000 };
  const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
  const dialects = createDialects({ loaded, partners, registry, sealer });
  const exchanges: Inbound[] = [];
  const dll = createDllCourier({ keyOf: () => key });
  const couriers = createCouriers({
    wires: { "dll:": dll },
    partner: (name) => partners.get(name),
    adapterOf: () => undefined,
    secretsOf: () => ({ [BRIDGE_KEY]: key }),
    nowMs: Date.now,
    log: { warn: () => undefined },
  });
  couriers.journalBy(async (inbound): Promise<Journaled> => {
    exchanges.push(inbound);
    return { kind: "awaiting-part", messageId: "m" };
  });
  const deliver = createDeliver({
    courier: couriers,
    dialect: dialects.outboundDialect,
    clock: { nowMs: Date.now, tickMs: () => performance.now(), after: () => () => undefined },
    random: () => 0.5,
    seal: fakeSeal,
    trouble: (what, about) => {
      throw new Error(`${what} ${JSON.stringify(about)}`);
    },
  });

  const eventOf = ({ no, visit, bill, fen }: Settlement): Event =>
    ({
      specversion: "1.0",
      id: `e-${no}`,
      type: "insurance.requested",
      source: "his",
      subject: `bill:${bill}`,
      time: "2026-11-20T09:22:00+08:00",
      datacontenttype: "application/json",
      dataschema: "x",
      data: {
        schemaVersion: 1,
        institution: { code: "H001" },
        visit: { no: visit, kind: "outpatient" },
        bills: [{ no: bill, amount: String(fen) }],
        serials: [],
        operator: { no: "0001", name: "测试收费员", shift: "CYCLE-1" },
        occurredAt: "2026-11-20T09:22:00+08:00",
        businessDate: "2026-11-20",
        test: false,
        missing: ["patient", "business"],
        requestNo: no,
        step: "settle",
        total: String(fen),
        settlement: {
          dialect: partnerName,
          medicalType: "11",
          useAccount: true,
          insuranceType: "1",
          lines: "2",
          diagnosis: { code: "J06.900", name: "急性上呼吸道感染" },
        },
      },
    }) as Event;

  const work = async (request: Settlement, begin: Claimed["action"], from: number, most: number): Promise<Worked> => {
    const encoded = dialects.encodeWriteBack(eventOf(request), { destination: partnerName, kind: "insurance-settle" });
    if (!encoded.ok) throw new Error(JSON.stringify(encoded.reason));
    const { writeBack } = encoded;
    const ends: AttemptEnd[] = [];
    let action = begin;
    let since = begin === "send" ? undefined : performance.now();
    for (let attempt = from; attempt < from + most; attempt += 1) {
      const claimed: Claimed = {
        ...writeBack,
        id: `w-${request.no}`,
        messageId: "m",
        laneSeq: 1n,
        token: attempt,
        attempt,
        owedAt: "2026-11-20T09:22:00+08:00",
        action,
        laneBehind: 0,
        leaseMs: quick.leaseMs,
        ...(since === undefined ? {} : { sinceLastPossibleSendMs: performance.now() - since }),
      };
      const delivered = await deliver(claimed, quick, performance.now());
      if (delivered.kind !== "ended") throw new Error(delivered.why);
      const { end } = delivered;
      ends.push(end);
      if (end.action === "send" && end.mayHaveTakenEffect) since = performance.now();
      if (end.step === "finish" || end.step === "park") return { ends, last: end };
      action = end.step === "ask" ? "ask" : "send";
    }
    const last = ends.at(-1);
    if (!last) throw new Error("no attempt was made");
    return { ends, last };
  };

  const messageOf = (inbound: Inbound): JournaledMessage => ({
    ...inbound,
    id: `01900000-0000-7000-8000-${randomBytes(6).toString("hex")}`,
    seq: 1n,
    receivedAt: "2026-11-20T09:22:30+08:00",
    token: 1,
    run: 1,
    replayed: false,
  });
  return {
    settle: (request) => work(request, "send", 1, attemptsMax),
    askAbout: async (request) => (await work(request, "ask", 2, 1)).last,
    exchanges,
    translate: (inbound) => dialects.translateBy(`${partnerName}/${inbound.kind}`, messageOf(inbound)),
    close: () => couriers.close(),
  };
}
