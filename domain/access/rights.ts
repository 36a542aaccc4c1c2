/** Who may do what (issue 4, sign-in and rights). One table: a right is a verb, a role a set of verbs, an account has roles and the partners it may touch. */

export const RIGHTS = [
  /** Everything that is shown masked. */
  "look",
  /** Personal data in full; asks a reason and is audited. */
  "unmask",
  "export",
  "replay",
  /** Edit-and-replay: a changed copy under a new key. */
  "edit",
  /** Closing what is parked, by hand. */
  "resolve",
  /** The second person of a two-person rule; never for one's own request. */
  "approve",
  /** Pause, resume, drain a destination; hold, unblock, skip a lane. */
  "gate",
  /** Change a destination's profile. */
  "profile",
  /** Owner, note, snooze of failure groups and alarms. */
  "failure",
  "subscriber",
  "retention",
  /** Try a mapping on a stored message, save an example. */
  "mapping",
  /** Open the editor and deploy flows whose tests pass. */
  "deploy",
  /** Deploy a flow whose tests fail; asks a reason and is audited. */
  "override",
  "audit",
  /** Ask that the audit's break of a restored database be accepted. */
  "restore",
  /** The second person of that. */
  "vouch",
  "account",
] as const;
export type Right = (typeof RIGHTS)[number];

export const ROLES = ["viewer", "operator", "integrator", "finance", "auditor", "administrator"] as const;
export type Role = (typeof ROLES)[number];

/** What each role may do. Nobody has everything: who gives out rights does not see patients, who deploys does not audit. */
export const ROLE_RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ["look"],
  operator: ["look", "unmask", "export", "replay", "resolve", "approve", "gate", "failure"],
  integrator: ["look", "unmask", "replay", "edit", "approve", "profile", "failure", "subscriber", "mapping", "deploy"],
  finance: ["look", "unmask", "export", "resolve", "approve"],
  auditor: ["look", "export", "audit", "vouch"],
  administrator: ["look", "approve", "gate", "profile", "subscriber", "retention", "override", "audit", "restore", "account"],
};

/** Who asks. */
export interface Principal {
  /** The account's id; "token" for a program that holds the token of run.json. */
  readonly id: string;
  /** What deeds are signed with. A program with the token says in `by` for whom it acts. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Partners whose messages, write-backs and destinations the account may see and touch; "*" is all. */
  readonly partners: "*" | readonly string[];
  readonly via: "session" | "token";
}

/** Whoever can read run.json is the machine's owner: everything, in the name that the program gives. */
export const TOKEN_PRINCIPAL: Principal = { id: "token", name: "token", roles: [...ROLES], partners: "*", via: "token" };

/** Whether one of the principal's roles has the right. */
export const mayDo = (who: Principal, right: Right): boolean => who.roles.some((role) => ROLE_RIGHTS[role].includes(right));

/** Whether the principal may see and touch what belongs to this partner. */
export const mayTouch = (who: Principal, partner: string): boolean => who.partners === "*" || who.partners.includes(partner);
