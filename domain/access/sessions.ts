/** Sessions: how long they last, what a person must still do, who he is (reference/reliability.md A04, A05). */
import { chinaDateTimeMsOf } from "./moments.ts";
import { HALF_SESSION_MS, IDLE_MS, SESSION_MS, SESSIONS_MAX } from "./limits.ts";
import type { AccessDeps, AccessTx, Caller, StoredAccount, StoredSession } from "./ports.ts";
import type { Principal } from "./rights.ts";
import type { SessionView, Stage } from "./views.ts";

/** Whether a session still counts: neither its time nor its account has ended. */
export function lives(session: StoredSession, account: StoredAccount, nowMs: number): boolean {
  const idle = session.stage === "full" && nowMs - session.seenMs > IDLE_MS;
  return !idle && nowMs < session.endsMs && account.state === "active";
}

/** The step after the password (`factor`: the second factor was given, too). Whom the identity provider signs in has done everything there. */
export function nextStage(account: StoredAccount, done: { readonly factor: boolean; readonly external: boolean }): Stage {
  if (done.external) return "full";
  if (account.totpSecret !== undefined && !done.factor) return "factor";
  if (account.mustChangePassword) return "password";
  return account.totpRequired && account.totpSecret === undefined ? "enrol" : "full";
}

export const principalOf = (account: StoredAccount): Principal => ({
  id: account.id,
  name: account.name,
  roles: account.roles,
  partners: account.partners,
  via: "session",
});

/** Opens a session under a new name of its own: nobody who knew the one before knows this one. Answers the cookie's value. */
export async function open(
  deps: Pick<AccessDeps, "chance">,
  tx: AccessTx,
  caller: Caller,
  account: StoredAccount,
  how: { readonly stage: Stage; readonly external: boolean },
): Promise<string> {
  const token = deps.chance.token();
  const before = [...(await tx.sessions(account.id))].sort((one, other) => other.seenMs - one.seenMs);
  for (const one of before.slice(SESSIONS_MAX - 1)) await tx.endSessions({ id: one.id });
  await tx.openSession({
    id: deps.chance.id(),
    digest: deps.chance.digest(token),
    accountId: account.id,
    stage: how.stage,
    external: how.external,
    createdMs: tx.nowMs,
    seenMs: tx.nowMs,
    endsMs: tx.nowMs + (how.stage === "full" ? SESSION_MS : HALF_SESSION_MS),
    address: caller.address,
    agent: caller.agent,
  });
  return token;
}

export const sessionView = (session: StoredSession, current: string | undefined): SessionView => ({
  id: session.id,
  stage: session.stage,
  createdAt: chinaDateTimeMsOf(session.createdMs),
  seenAt: chinaDateTimeMsOf(session.seenMs),
  endsAt: chinaDateTimeMsOf(session.endsMs),
  address: session.address,
  agent: session.agent,
  current: session.digest === current,
});
