import { lookAgain } from "../../../platform/postgres/overtaken.ts";
import { LANES, PROMOTE } from "../../../platform/postgres/write-back-sql.ts";
import { supersededContract } from "../superseded.ts";
import { parkedEvent, postgresWorld } from "./world.ts";

supersededContract("PostgreSQL", async () => {
  const world = await postgresWorld();
  const { own } = world;
  const sql = async <R extends object>(text: string, values: readonly unknown[]): Promise<R[]> =>
    (await own.reads.query<R>(text, [...values])).rows;
  return {
    journal: own.journal({ parkedEvent }),
    settle: own.settle({ parkedEvent, after: () => undefined }),
    rows: async (order) =>
      (
        await sql<{ id: string; kind: string; state: string; amountFen: string; by: string | null }>(
          `select id, kind, state, amount_fen::text as "amountFen", superseded_by as by from write_back where lane = $1 order by lane_seq nulls last`,
          [order],
        )
      ).map(({ by, amountFen, ...row }) => ({ ...row, amountFen: BigInt(amountFen), ...(by === null ? {} : { supersededBy: by }) })),
    put: async (id, state, mayHaveTakenEffect) => {
      await sql(
        `update write_back set state = $2, may_have_taken_effect = $3, next_at = huiliu_now(), closed_at = case when $2 = 'acknowledged' then huiliu_now() end,
           lease_worker = case when $2 = 'sending' then 0 end where id = $1`,
        [id, state, mayHaveTakenEffect],
      );
    },
    promote: async (order) => void (await sql(PROMOTE, [...LANES.params([{ one: "his", two: order }]), Date.now()])),
    lookAgain: async () => {
      await sql("update bill set look_at = huiliu_now() where look_at is not null", []);
      await lookAgain({ pool: own.pool, destinations: () => ["his"], log: { warn: () => undefined }, after: () => undefined });
    },
    close: world.close,
  };
});
