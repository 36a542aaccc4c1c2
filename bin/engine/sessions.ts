/**
 * Sign-ins at partners that want one before anything else (医保 9001). Kept in PostgreSQL and shared by all workers; one signs in at a time, the others wait for it.
 * Signed in anew when it is too old, of another China day, or not known to the partner any more; signed out by the last worker that stops.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AdapterContext, Envelope, Opening, Session } from "../../domain/partners/adapter.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { CallResult } from "../../domain/writeback/ports.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { CallStore, StoredSession } from "../../platform/postgres/calls.ts";

export interface SessionsDeps {
  readonly store: Pick<CallStore, "readSession" | "claimSession" | "keepSession" | "sessionFailed" | "forgetSession" | "sessions">;
  readonly log: Pick<EngineLog, "info" | "warn">;
}

/** One call to the partner in its envelope, opened again. `message` names it for the adapter. */
export type SessionCall = (message: string, envelope: Envelope, session?: Readonly<Record<string, string>>) => Promise<CallResult>;

export type Signed =
  | { readonly ok: true; readonly held?: Readonly<Record<string, string>>; readonly version: number; readonly who: string }
  /** Nothing but a sign-in left us. */
  | { readonly ok: false; readonly why: string };

export interface Sessions {
  /** The session under which this call goes, signed in where there is none. Never rejects. */
  of(session: Session, context: AdapterContext, call: SessionCall, waitMs: number): Promise<Signed>;
  /** The partner does not know it any more. */
  lost(partner: string, signed: Signed): Promise<void>;
  /** Signs out whoever is signed in at a partner that `callOf` can reach. Never rejects. */
  signOut(
    callOf: (partner: string) => { readonly session: Session; readonly context: AdapterContext; readonly call: SessionCall } | undefined,
  ): Promise<void>;
}

export const SIGN_IN = "sign-9001";
export const SIGN_OUT = "sign-9002";
/** A worker that died while it signed in holds up the others no longer than the call may take, and this. */
const SIGNING_MARGIN_MS = 1_000;
const LOOK_EVERY_MS = 50;
/** After a refusal nobody tries again for so long: a centre that locks operators after wrong tries must not be asked by every lane. */
export const REFUSED_PAUSE_MS = 2_000;
const WHY_MAX = 300;

/** Whether a kept session may still be used. */
export function holds(session: Pick<Session, "lifetimeMs" | "daily">, { held, sinceMs, nowMs }: StoredSession): boolean {
  if (held === undefined || sinceMs === undefined || nowMs - sinceMs >= session.lifetimeMs) return false;
  return !session.daily || chinaDateTimeOf(sinceMs).slice(0, 10) === chinaDateTimeOf(nowMs).slice(0, 10);
}

const words = (body: Uint8Array): string => new TextDecoder().decode(body).slice(0, WHY_MAX).replaceAll("\0", " ").toWellFormed();

export function createSessions({ store, log }: SessionsDeps): Sessions {
  const signIn = async (
    session: Session,
    context: AdapterContext,
    call: SessionCall,
  ): Promise<Readonly<Record<string, string>> | string> => {
    const result = await call(SIGN_IN, session.signIn(context));
    if (result.kind !== "reply") return `sign-in: ${result.why}`;
    const opening: Opening = { body: result.body, ...(result.contentType === undefined ? {} : { contentType: result.contentType }) };
    return session.read(opening) ?? `sign-in refused: ${words(result.body)}`;
  };

  const obtain = async (session: Session, context: AdapterContext, who: string, call: SessionCall, waitMs: number): Promise<Signed> => {
    const { partner } = context;
    const endsAt = performance.now() + waitMs;
    for (;;) {
      const now = await store.readSession(partner, who);
      if (now.held !== undefined && holds(session, now)) return { ok: true, held: now.held, version: now.version, who };
      if (now.failedMs !== undefined && now.nowMs - now.failedMs < REFUSED_PAUSE_MS)
        return { ok: false, why: now.failedWhy ?? "sign-in refused" };
      const version = await store.claimSession(partner, who, now.version, waitMs + SIGNING_MARGIN_MS);
      if (version !== undefined) {
        const held = await signIn(session, context, call).catch((error: unknown) => String(error));
        if (typeof held === "string") {
          await store.sessionFailed(partner, who, version, held.slice(0, WHY_MAX));
          return { ok: false, why: held };
        }
        log.info({ partner, who }, "signed in at the partner");
        if (await store.keepSession(partner, who, version, held)) return { ok: true, held, version: version + 1, who };
      }
      if (performance.now() >= endsAt) return { ok: false, why: "another worker is signing in" };
      await sleep(LOOK_EVERY_MS);
    }
  };

  return {
    of: async (session, context, call, waitMs) => {
      const who = session.who(context);
      if (who === undefined) return { ok: true, version: 0, who: "" };
      try {
        return await obtain(session, context, who, call, waitMs);
      } catch (error) {
        return { ok: false, why: `the session is not known: ${error instanceof Error ? error.message : String(error)}` };
      }
    },
    lost: async (partner, signed) => {
      if (!signed.ok || signed.held === undefined) return;
      try {
        await store.forgetSession(partner, signed.who, signed.version);
      } catch (error) {
        log.warn({ partner, error: String(error) }, "a lost session could not be forgotten; its next use tries again");
      }
    },
    signOut: async (callOf) => {
      try {
        for (const { partner, who, version, held } of await store.sessions()) {
          const reach = callOf(partner);
          if (reach?.session.signOut === undefined) continue;
          await store.forgetSession(partner, who, version);
          const context = { ...reach.context, session: held };
          const told = await reach.call(SIGN_OUT, reach.session.signOut(context), held);
          log.info({ partner, who, answered: told.kind }, "signed out at the partner");
        }
      } catch (error) {
        log.warn({ error: String(error) }, "signing out failed; sessions end by themselves");
      }
    },
  };
}
