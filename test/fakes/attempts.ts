/** One claim at a destination, delivered against a fake dialect and a scripted wire. */
import { createDeliver, type Delivered, type SendRecord } from "../../domain/writeback/deliver.ts";
import type { OutboundDialect } from "../../domain/writeback/dialect.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";
import type { Duplicates } from "../../domain/writeback/outcome.ts";
import { type DestinationPolicy, REPLY_BYTES_MAX } from "../../domain/writeback/policy.ts";
import type { AttemptEnd, CallNumbers, CallRequest, CallResult, Claimed } from "../../domain/writeback/ports.ts";
import { createVirtualClock, type VirtualClock } from "../../platform/memory/clock.ts";
import { fakeDialect, fakeSeal } from "./dialect.ts";

export const ALL: readonly Duplicates[] = ["by-key", "by-reference", "inquiry", "none"];

export const claimed: Claimed = {
  id: "wb-1",
  key: "k1",
  messageId: "m1",
  destination: "his",
  kind: "payment-confirm",
  mapping: "fake/payment-confirm",
  lane: "bill:DJ1",
  laneSeq: 1n,
  cause: { eventId: "e1", type: "payment.settled" },
  body: new TextEncoder().encode("body"),
  contentType: "application/json",
  charset: "utf-8",
  amountFen: 1650n,
  serial: "S1",
  businessDate: "2026-11-20",
  token: 3,
  attempt: 1,
  owedAt: "2026-11-20T08:59:00+08:00",
  action: "send",
  laneBehind: 2,
  leaseMs: 30_000,
};

export const policyFor = (duplicates: Duplicates, more: Partial<DestinationPolicy> = {}): DestinationPolicy => ({
  name: "his",
  url: "http://his.test/base",
  connectTimeoutMs: 1_000,
  replyTimeoutMs: 5_000,
  leaseMs: 30_000,
  parallel: 4,
  duplicates,
  trustNotFoundAfterMs: 60_000,
  deferredMs: 1_800_000,
  retry: { firstMs: 1_000, maxMs: 60_000 },
  replyBytesMax: REPLY_BYTES_MAX,
  ...(duplicates === "inquiry" ? { inquiry: "fake/inquiry" } : {}),
  ...more,
});

export interface Setup {
  readonly call: CallResult | ((clock: VirtualClock) => CallResult | Promise<CallResult>);
  readonly duplicates?: Duplicates;
  readonly policy?: Partial<DestinationPolicy>;
  readonly claimed?: Partial<Claimed>;
  readonly dialect?: Partial<OutboundDialect>;
  readonly seal?: SealWriteBackEvent;
  readonly lateMs?: number;
  readonly numbers?: CallNumbers;
  readonly record?: SendRecord;
  /** Told of every call, before its answer is made. */
  readonly seen?: (request: CallRequest) => void;
}

export async function run(setup: Setup): Promise<{ delivered: Delivered; end: AttemptEnd; calls: CallRequest[]; troubles: string[] }> {
  const clock = createVirtualClock();
  const calls: CallRequest[] = [];
  const troubles: string[] = [];
  const deliver = createDeliver({
    courier: {
      call: async (request) => {
        calls.push(request);
        const answer = typeof setup.call === "function" ? setup.call(clock) : setup.call;
        setup.seen?.(request);
        return answer;
      },
      close: async () => undefined,
    },
    dialect: { ...fakeDialect, ...setup.dialect },
    seal: setup.seal ?? fakeSeal,
    clock,
    random: () => 0,
    ...(setup.record === undefined ? {} : { record: setup.record }),
    ...(setup.numbers === undefined ? {} : { numbers: setup.numbers }),
    trouble: (what) => void troubles.push(what),
  });
  await clock.advance(setup.lateMs ?? 0);
  const delivered = await deliver({ ...claimed, ...setup.claimed }, policyFor(setup.duplicates ?? "by-key", setup.policy), 0);
  return { delivered, end: delivered.kind === "ended" ? delivered.end : ({} as AttemptEnd), calls, troubles };
}

export const done = {
  outcome: "acknowledged",
  how: "reply",
  code: "0",
  text: "成功",
  receiptNo: "HIS1",
  amountFen: 1650n,
  serial: "S1",
} as const;
export const already = { ...done, how: "already-done", code: "1" } as const;
export const noReply: CallResult = { kind: "no-reply", why: "ECONNRESET", ms: 5 };
export const unsent: CallResult = { kind: "unsent", why: "ECONNREFUSED", ms: 1 };
