/**
 * The one who sends, as the engine has it: the wire by the address, the envelope by the partner's adapter, and - where the profile says so - the call and its reply
 * journaled as an exchange of the partner before anybody acts on the reply.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Inbound, Journaled } from "../../domain/journal/ports.ts";
import type { Adapter, AdapterContext, Envelope } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { CallNumbers, CallRequest, CallResult, Courier } from "../../domain/writeback/ports.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { SessionCall, Sessions } from "./sessions.ts";

export interface CouriersDeps {
  /** By protocol, `https:` and so on. */
  readonly wires: Readonly<Record<string, Courier>>;
  readonly partner: (name: string) => Partner | undefined;
  readonly adapterOf: (vendor: string) => Adapter | undefined;
  readonly secretsOf: (partner: string) => Readonly<Record<string, string>>;
  readonly nowMs: () => number;
  /** Both absent only where no partner needs them (tests of other things). */
  readonly numbers?: CallNumbers;
  readonly sessions?: Sessions;
  readonly log: Pick<EngineLog, "warn">;
}

export interface Couriers extends Courier {
  /** Where exchanges are journaled, once the journal is open. Until then a call that must be journaled is not made. */
  journalBy(accept: (inbound: Inbound) => Promise<Journaled>): void;
  /** Signs out at every partner; for the last worker that stops. Never rejects. */
  signOut(): Promise<void>;
}

/** A reply, with what of the call is journaled where the wire carried something else (ciphers, envelopes). */
type Answered = CallResult & {
  readonly sealed?: Envelope;
  /** Its envelope holds, whatever its status. */
  readonly opened?: true;
  readonly ofGateway?: true;
};
/** The lease leaves this for a sign-in before the call; after a longer one the call goes back and is made under a new lease. */
const SIGN_IN_INLINE_MS = 300;

const EMPTY = new Uint8Array(0);
/** A sign-in is told in a few lines. */
const SESSION_REPLY_BYTES_MAX = 65_536;
/** What a gateway says in front of the partner (401, 502, 503) is no exchange with the partner and has no envelope. */
const isAnswer = (status: number): boolean => status >= 200 && status < 300;
/** Some front machines tell business answers under it; where the envelope holds it is one, and what a contract may read as a receipt must be journaled. */
const ANSWERED_AS_ERROR = 500;
/** Under which a call's exchange is journaled. */
export const exchangeIdentity = (key: string, attempt: number, mapping: string): string => `${key}:${attempt}:${mapping}`;
/** Header of an exchange that keeps the reply's own type. */
export const REPLY_TYPE = "reply-type";
const messageOf = (mapping: string): string => mapping.slice(mapping.indexOf("/") + 1);

/** What the reply answers: the request, or the write-back that the inquiry asked about. */
function sentBy(
  request: CallRequest,
  result: Answered & { kind: "reply" },
): { readonly mapping: string; readonly body: Uint8Array; readonly contentType?: string } {
  const { about } = request;
  if (result.standsFor === "send" && about?.sent) return about.sent;
  const contentType = request.headers["content-type"];
  const body = result.sealed?.clear ?? result.sealed?.body ?? request.body ?? EMPTY;
  return { mapping: about?.mapping ?? "", body, ...(contentType === undefined ? {} : { contentType }) };
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

  /** One call in the partner's envelope. */
  const enveloped = async (request: CallRequest, adapter: Adapter, context: AdapterContext, base: string): Promise<Answered> => {
    const plain: Envelope = { headers: request.headers, body: request.body ?? EMPTY };
    const closed = adapter.seal?.(plain, context) ?? ({ ok: true, sealed: plain } as const);
    if (!closed.ok) return { kind: "unsent", why: closed.en, ms: 0 };
    const { sealed } = closed;
    const { path, headers, body } = sealed;
    const result = await wire({
      ...request,
      headers,
      ...(path === undefined ? {} : { url: base + path }),
      ...(request.body === undefined ? {} : { body }),
    });
    if (result.kind !== "reply" || adapter.open === undefined) return result;
    if (!isAnswer(result.status) && result.status !== ANSWERED_AS_ERROR) return result;
    const opened = adapter.open(
      { body: result.body, ...(result.contentType === undefined ? {} : { contentType: result.contentType }) },
      context,
    );
    // Whoever answered, it was not proved to be the partner.
    if (!opened.ok) return isAnswer(result.status) ? { kind: "no-reply", why: opened.en, ms: result.ms } : result;
    return { ...result, ...opened.opened, sealed, opened: true, ...(opened.ofGateway ? { ofGateway: true } : {}) };
  };

  /** What signs in and out: calls of their own number, never journaled, under nobody's session. */
  const sessionCallOf = (partner: Partner, adapter: Adapter, context: AdapterContext): SessionCall => {
    const { destination } = partner;
    return async (message, envelope, session) => {
      if (!destination) return { kind: "unsent", why: "no destination", ms: 0 };
      const base = destination.url.replace(/\/+$/, "");
      const own = await deps.numbers?.of(partner.partner, `${message}:${randomUUID()}`);
      const { session: _, number: __, ...bare } = context;
      const request: CallRequest = {
        url: base + (envelope.path ?? ""),
        method: "POST",
        headers: { "content-type": "application/json; charset=UTF-8", ...envelope.headers },
        body: envelope.body,
        connectTimeoutMs: destination.connectTimeoutMs,
        replyTimeoutMs: destination.replyTimeoutMs,
        replyBytesMax: SESSION_REPLY_BYTES_MAX,
      };
      const { sealed: _sealed, ...result } = await enveloped(
        request,
        adapter,
        { ...bare, message, ...(own === undefined ? {} : { number: own.number }), ...(session === undefined ? {} : { session }) },
        base,
      );
      return result;
    };
  };

  /** Under the partner's session, where it wants one. */
  const signed = async (request: CallRequest, adapter: Adapter, partner: Partner, base: string): Promise<Answered> => {
    const { about } = request;
    if (about === undefined) return wire(request);
    const number = about.number ?? (await deps.numbers?.of(partner.partner, `${about.key}:question:${randomUUID()}`))?.number;
    const context = { ...contextOf(partner, about), ...(number === undefined ? {} : { number }) };
    const { session } = adapter;
    if (session === undefined || deps.sessions === undefined) return enveloped(request, adapter, context, base);
    const since = performance.now();
    const waitMs = request.connectTimeoutMs + request.replyTimeoutMs;
    const found = await deps.sessions.of(session, context, sessionCallOf(partner, adapter, context), waitMs);
    const ms = Math.round(performance.now() - since);
    if (!found.ok) return { kind: "unsent", why: found.why, ms };
    if (ms > SIGN_IN_INLINE_MS && about.attempt !== undefined) return { kind: "unsent", why: "signed in; the call follows", ms };
    const result = await enveloped(request, adapter, found.held === undefined ? context : { ...context, session: found.held }, base);
    if (result.kind !== "reply" || found.held === undefined || !session.lost(result)) return result;
    await deps.sessions.lost(partner.partner, found);
    return { kind: "unsent", why: "the partner does not know our sign-in any more: nothing was done", ms: result.ms };
  };

  /** True once the journal has it; the reply must not be acted upon before. */
  const journaled = async (kind: string, request: CallRequest, result: Answered & { kind: "reply" }): Promise<boolean> => {
    const { about } = request;
    if (about === undefined || accept === undefined) return false;
    const sent = sentBy(request, result);
    try {
      await accept({
        door: "exchange",
        partner: about.destination,
        kind,
        // A flow may ask the same question twice, and the second answer is no other version of the first.
        identity:
          about.attempt === undefined
            ? `${about.key}:question:${randomUUID()}:${sent.mapping}`
            : exchangeIdentity(about.key, about.attempt, sent.mapping),
        headers: { status: String(result.status), ...(result.contentType === undefined ? {} : { [REPLY_TYPE]: result.contentType }) },
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
      const result: Answered = adapter ? await signed(request, adapter, partner, base) : await wire(request);
      if (result.kind !== "reply" || (result.standsFor !== undefined && result.standsFor !== "send")) return result;
      // An inquiry that was answered with the reply to the write-back itself is the write-back's exchange.
      const told = result.standsFor === undefined ? kind : exchanges[messageOf(about.sent?.mapping ?? "")];
      const isExchange = result.ofGateway !== true && (isAnswer(result.status) || result.opened === true);
      if (told === undefined || !isExchange || (await journaled(told, request, result))) return result;
      return { kind: "no-reply", why: "the reply could not be journaled", ms: result.ms };
    },
    signOut: async () => {
      await deps.sessions?.signOut((name) => {
        const partner = deps.partner(name);
        const adapter = partner && deps.adapterOf(partner.vendor);
        if (!partner || adapter?.session === undefined) return undefined;
        const context = contextOf(partner, { destination: name, mapping: "", key: "" });
        return { session: adapter.session, context, call: sessionCallOf(partner, adapter, context) };
      });
    },
    close: async () => {
      await Promise.all(Object.values(deps.wires).map((courier) => courier.close()));
    },
  };
}
