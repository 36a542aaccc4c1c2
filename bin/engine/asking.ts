/** Questions to partners on behalf of flows: what would go out, and the asking itself. No effect at the partner, nothing owed. */
import type { Asked } from "../../domain/delivery/engine.ts";
import { type NodeCallsDeps, problemsReason } from "../../domain/delivery/node-calls.ts";
import type { Event } from "../../domain/events/event.ts";
import type { Question } from "../../domain/flows/trial-deps.ts";
import type { ParkReason } from "../../domain/journal/ports.ts";
import { encode } from "../../domain/mapping/mapping.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { refusal } from "../../domain/refusals.ts";
import type { OutboundDialect, Sent } from "../../domain/writeback/dialect.ts";
import { policyOf } from "../../domain/writeback/policy.ts";
import type { Courier } from "../../domain/writeback/ports.ts";
import type { LoadedMappings } from "./dialects.ts";
import { sha256Hex } from "./seal.ts";

/** Where answers to reference questions are kept (Redis, or this process while it is away). */
export interface AnswerCache {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
}

export interface AskingDeps {
  readonly loaded: Pick<LoadedMappings, "mappings">;
  readonly partners: ReadonlyMap<string, Partner>;
  readonly keyOf: (eventId: string, partner: string, kind: string) => string;
  /** The write-back that an event owes a partner, as far as a reply can be held against it. */
  readonly owedBy: (event: Event, partner: Partner) => Sent | undefined;
  readonly interpret: OutboundDialect["interpret"];
}

/** The purpose of an outbound document that asks what became of a write-back. */
const INQUIRY = "inquiry";

type Which = Pick<Parameters<NodeCallsDeps["askPartner"]>[0], "partner" | "kind">;
type Questioned =
  | ({ readonly ok: true; readonly policy: Extract<ReturnType<typeof policyOf>, { ok: true }>["policy"] } & Question)
  | { readonly ok: false; readonly reason: ParkReason };

export function createAsking(deps: AskingDeps) {
  const { loaded, partners, keyOf, owedBy, interpret } = deps;

  /** What a flow's question is made of, and what its reply is held against; nothing is sent here. */
  const question = ({ partner: name, kind }: Which, event: Event | undefined): Questioned => {
    const partner = partners.get(name);
    const policy = partner && policyOf(partner);
    const id = `${partner?.vendor}/${partner?.destination?.messages[kind] ?? kind}`;
    const mapping = loaded.mappings.get(id);
    if (!partner || !policy?.ok || mapping?.direction !== "outbound")
      return { ok: false, reason: refusal("BAD_NODE", { zh: `不能询问 ${name} ${kind}`, en: `cannot ask ${name} ${kind}` }) };
    // An inquiry asks what became of the write-back that this event owes the partner; any other question is its own.
    const about = mapping.purpose === INQUIRY && event ? owedBy(event, partner) : undefined;
    const key = about?.key ?? keyOf(event?.id ?? "", name, kind);
    const encoded = encode(mapping, { ...(event ? { event } : {}), constants: partner.constants, key });
    if (!encoded.ok) return { ok: false, reason: problemsReason(encoded.problems) };
    const { method, path, headers, body, contentType, charset } = encoded;
    const url = policy.policy.url + path;
    return { ok: true, policy: policy.policy, mapping: id, method, url, headers, body, contentType, charset, sent: { key, ...about } };
  };

  return {
    question,
    /** Only acknowledged answers are cached, and only where the flow says so. */
    by:
      (courier: Courier, cache: AnswerCache): NodeCallsDeps["askPartner"] =>
      async (which, event) => {
        const { signal, cacheSeconds = 0 } = which;
        const asks = question(which, event);
        if (!asks.ok) return { outcome: "refused", reason: asks.reason };
        const { policy, mapping, sent } = asks;
        const cacheKey = `answer:${sha256Hex(JSON.stringify([mapping, policy.url, sha256Hex(asks.body)]))}`;
        const cached = cacheSeconds > 0 ? await cache.get(cacheKey) : undefined;
        if (cached !== undefined) return JSON.parse(cached) as Asked;
        const called = await courier.call({
          url: asks.url,
          method: asks.method,
          headers: { ...asks.headers, "content-type": asks.contentType },
          body: asks.body,
          connectTimeoutMs: policy.connectTimeoutMs,
          replyTimeoutMs: policy.replyTimeoutMs,
          replyBytesMax: policy.replyBytesMax,
          about: { destination: which.partner, mapping, key: sent.key },
          signal,
        });
        if (called.kind === "unsent") return { outcome: "unsent", text: called.why };
        if (called.kind === "no-reply") return { outcome: "unclear", text: called.why };
        const { outcome, code, text } = interpret(mapping, called, sent);
        const asked: Asked = {
          outcome: outcome === "deferred" ? "unclear" : outcome,
          ...(code === undefined ? {} : { code }),
          ...(text === undefined ? {} : { text }),
        };
        if (cacheSeconds > 0 && asked.outcome === "acknowledged") await cache.set(cacheKey, JSON.stringify(asked), cacheSeconds * 1_000);
        return asked;
      },
  };
}
