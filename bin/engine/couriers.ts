/**
 * The one who sends, as the engine has it: the wire by the address, the envelope by the partner's adapter, and - where the profile says so - the call and its reply
 * journaled as an exchange of the partner before anybody acts on the reply.
 */
import { randomBytes } from "node:crypto";
import type { Inbound, Journaled } from "../../domain/journal/ports.ts";
import type { Adapter, AdapterContext, Envelope } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { CallRequest, CallResult, Courier } from "../../domain/writeback/ports.ts";
import type { EngineLog } from "../../platform/log.ts";

export interface CouriersDeps {
  /** By protocol, `https:` and so on. */
  readonly wires: Readonly<Record<string, Courier>>;
  readonly partner: (name: string) => Partner | undefined;
  readonly adapterOf: (vendor: string) => Adapter | undefined;
  readonly secretsOf: (partner: string) => Readonly<Record<string, string>>;
  readonly nowMs: () => number;
  readonly log: Pick<EngineLog, "warn">;
}

export interface Couriers extends Courier {
  /** Where exchanges are journaled, once the journal is open. Until then a call that must be journaled is not made. */
  journalBy(accept: (inbound: Inbound) => Promise<Journaled>): void;
}

const EMPTY = new Uint8Array(0);
const messageOf = (mapping: string): string => mapping.slice(mapping.indexOf("/") + 1);

/** What the reply answers: the request, or the write-back that the inquiry asked about. */
function sentBy(
  request: CallRequest,
  result: CallResult & { kind: "reply" },
): { readonly mapping: string; readonly body: Uint8Array; readonly contentType?: string } {
  const { about } = request;
  if (result.standsFor === "send" && about?.sent) return about.sent;
  const contentType = request.headers["content-type"];
  return { mapping: about?.mapping ?? "", body: request.body ?? EMPTY, ...(contentType === undefined ? {} : { contentType }) };
}

export function createCouriers(deps: CouriersDeps): Couriers {
  let accept: ((inbound: Inbound) => Promise<Journaled>) | undefined;

  const contextOf = (partner: Partner, about: NonNullable<CallRequest["about"]>): AdapterContext => ({
    partner: partner.partner,
    message: messageOf(about.mapping),
    constants: partner.constants,
    secrets: deps.secretsOf(partner.partner),
    nowMs: deps.nowMs(),
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    key: about.key,
  });

  const wire = (request: CallRequest): Promise<CallResult> => {
    const protocol = URL.canParse(request.url) ? new URL(request.url).protocol : "";
    const courier = deps.wires[protocol];
    if (courier) return courier.call(request);
    return Promise.resolve({ kind: "unsent", why: `no courier for ${protocol || "this address"}`, ms: 0 });
  };

  /** The call in the partner's envelope. */
  const enveloped = async (request: CallRequest, adapter: Adapter, context: AdapterContext, base: string): Promise<CallResult> => {
    const plain: Envelope = { headers: request.headers, body: request.body ?? EMPTY };
    const sealed = adapter.seal?.(plain, context) ?? ({ ok: true, sealed: plain } as const);
    if (!sealed.ok) return { kind: "unsent", why: sealed.en, ms: 0 };
    const { path, headers, body } = sealed.sealed;
    const result = await wire({
      ...request,
      headers,
      ...(path === undefined ? {} : { url: base + path }),
      ...(request.body === undefined ? {} : { body }),
    });
    if (result.kind !== "reply" || adapter.open === undefined) return result;
    const opened = adapter.open(
      { body: result.body, ...(result.contentType === undefined ? {} : { contentType: result.contentType }) },
      context,
    );
    // Whoever answered, it was not proved to be the partner.
    if (!opened.ok) return { kind: "no-reply", why: opened.en, ms: result.ms };
    return { ...result, ...opened.opened };
  };

  /** True once the journal has it; the reply must not be acted upon before. */
  const journaled = async (kind: string, request: CallRequest, result: CallResult & { kind: "reply" }): Promise<boolean> => {
    const { about } = request;
    if (about === undefined || accept === undefined) return false;
    const sent = sentBy(request, result);
    try {
      await accept({
        door: "exchange",
        partner: about.destination,
        kind,
        identity: `${about.key}:${about.attempt ?? 0}:${sent.mapping}`,
        headers: { status: String(result.status) },
        raw: sent.body,
        reply: result.body,
        ...(result.returnValue === undefined ? {} : { returnValue: result.returnValue }),
        ...(sent.contentType === undefined ? {} : { contentType: sent.contentType }),
      });
      return true;
    } catch (error) {
      deps.log.warn({ destination: about.destination, error: String(error) }, "an exchange could not be journaled: its outcome is unclear");
      return false;
    }
  };

  return {
    journalBy: (given) => {
      accept = given;
    },
    call: async (request) => {
      const { about } = request;
      const partner = about && deps.partner(about.destination);
      if (!about || !partner?.destination) return wire(request);
      const adapter = deps.adapterOf(partner.vendor);
      const { exchanges = {} } = partner.destination;
      const kind = exchanges[messageOf(about.mapping)];
      if (kind !== undefined && accept === undefined) return { kind: "unsent", why: "the journal is not open", ms: 0 };
      const base = partner.destination.url.replace(/\/+$/, "");
      const result = adapter ? await enveloped(request, adapter, contextOf(partner, about), base) : await wire(request);
      if (result.kind !== "reply" || (result.standsFor !== undefined && result.standsFor !== "send")) return result;
      // An inquiry that was answered with the reply to the write-back itself is the write-back's exchange.
      const told = result.standsFor === undefined ? kind : exchanges[messageOf(about.sent?.mapping ?? "")];
      if (told === undefined || (await journaled(told, request, result))) return result;
      return { kind: "no-reply", why: "the reply could not be journaled", ms: result.ms };
    },
    close: async () => {
      await Promise.all(Object.values(deps.wires).map((courier) => courier.close()));
    },
  };
}
