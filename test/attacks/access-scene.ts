/** The console that the attacks on its door are made against: an account of every role, one limited to a partner, and things of two partners. */
import assert from "node:assert/strict";
import type { Route } from "../../console/route.ts";
import { ROLES } from "../../domain/access/rights.ts";
import { type AccessWorld, accessWorld, type Answer, type Browser } from "../contracts/access/world.ts";
import { PARKED } from "../contracts/operations/world.ts";

export const NOBODY_ID = "018f0000-0000-7000-8000-000000000000";
export const DEED = { reason: "攻击测试用" };
/** Requests that are under way at once. */
const AT_ONCE = 8;

export type Person = Browser & { readonly id: string; readonly login: string };
export interface Ids {
  readonly messageId: string;
  readonly writeBackId: string;
}

export interface Scene extends AccessWorld {
  as(name: string): Person;
  /** Of `his`, whom the limited account may touch, and of `old`, whom it may not. */
  readonly mine: Ids;
  readonly theirs: Ids;
}

/** Sets the scene: roles by their names, `limited` (his, operator and integrator), `limited-admin` (his). */
export async function attackScene(): Promise<Scene> {
  const world = await accessWorld();
  const people = new Map<string, Person>();
  for (const role of ROLES) people.set(role, await world.person({ login: role, name: `某${role}`, roles: [role] }));
  people.set("limited", await world.person({ login: "limited", name: "只管HIS", roles: ["operator", "integrator"], partners: ["his"] }));
  const admin = { login: "limited-admin", name: "只管HIS的管理员", roles: ["administrator"], partners: ["his"] };
  people.set("limited-admin", await world.person(admin));
  const mine = await world.world.pay("MINE", "his");
  const theirs = await world.world.pay("THEIRS", "old");
  const [claim] = await world.world.claim("old");
  assert.ok(claim);
  await world.world.finish(claim, { outcome: "rejected", step: "park", park: PARKED, reply: Buffer.from("<no/>"), code: "1", text: "no" });
  return { ...world, mine, theirs, as: (name) => people.get(name) ?? assert.fail(name) };
}

export const addressOf = (route: Pick<Route, "path">, id = NOBODY_ID): string => route.path.replace(":id", id).replace(/:\w+/g, "x");
export const codeOf = (answer: Answer): string => answer.body.error?.code ?? "";

/** The same at every one, some at a time. */
export async function atEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_ONCE) await Promise.all(all.slice(from, from + AT_ONCE).map(work));
}

/** Asks a route: a deed by its method, with this body. */
export const ask = (page: Browser, route: Route, path: string, body: object = DEED): Promise<Answer> =>
  route.method === "GET" ? page.get(path) : page.post(path, body);

let halves = 0;
/** Somebody of every role whose session lacks the second factor. */
export async function halfSession(world: AccessWorld): Promise<Browser> {
  halves += 1;
  const login = `half${halves}`;
  const made = await world.program("/accounts", { login, name: `半程${halves}`, roles: [...ROLES], partners: "*", by: "t", ...DEED });
  const page = world.browser();
  await page.post("/session", { login, password: made.body.password });
  await world.sql("update console_session set stage = 'factor' where account_id = (select id from account where login = $1)", [login]);
  return page;
}
