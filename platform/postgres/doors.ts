/** What all workers know of the doors: digests that were used already, and doors that go and look and find nobody. */
import { createHash } from "node:crypto";
import type { Pool } from "./pool.ts";

export interface DoorStore {
  /** True the first time within its life: whoever says it again, to whichever worker, repeats it. `untilMs`: epoch milliseconds. Rejects while the database is away. */
  useNonce(nonce: string, untilMs: number): Promise<boolean>;
  /** It cannot be looked into; since when is kept from the first time. Rejects while the database is away. */
  away(door: string, partner: string, why: string): Promise<void>;
  /** It can be looked into again. */
  back(door: string): Promise<void>;
}

const WHY_MAX = 300;
/** Used ones go once their time is not accepted any more. */
const USE = `with gone as (delete from door_nonce where until < now() - interval '1 minute')
  insert into door_nonce (nonce, until) values ($1, to_timestamp($2::double precision / 1000)) on conflict (nonce) do nothing returning 1`;
const AWAY = `insert into door_away (door, partner, why) values ($1, $2, $3) on conflict (door) do update set why = excluded.why where door_away.why <> excluded.why`;
const BACK = "delete from door_away where door = $1";

export const createDoorStore = (pool: Pick<Pool, "query">): DoorStore => ({
  useNonce: async (nonce, untilMs) => {
    const { rows } = await pool.query({
      name: "door_nonce",
      text: USE,
      values: [createHash("sha256").update(nonce).digest("hex"), untilMs],
    });
    return rows.length === 1;
  },
  away: async (door, partner, why) => {
    await pool.query({ name: "door_away", text: AWAY, values: [door, partner, why.replaceAll("\0", " ").slice(0, WHY_MAX)] });
  },
  back: async (door) => {
    await pool.query({ name: "door_back", text: BACK, values: [door] });
  },
});
