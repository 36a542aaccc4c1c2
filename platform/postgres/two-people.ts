/**
 * Whether who asked and who approves are two people (reliability.md A11, A12; docs/decisions/024-two-people.md). Not when they are one account, one name or one staff
 * number; nor when one person had both accounts in hand since it was asked for: he may have been both.
 */
import { type OperationRefused, refused } from "../../domain/operations/refusals.ts";
import { sameSigner, type Signer } from "../../domain/operations/rules.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { at, msOf } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { run } from "./sql.ts";

/** Disabled accounts count: what was asked under the old account of a person he does not approve under his new one. */
const ONE_NUMBER = `select 1 as one from account a join account b on a.staff_no = b.staff_no where a.id::text = $1 and b.id::text = $2`;
/** Whoever had both in hand. $1, $2 accounts, $3 since (ms). An account is in its own hand. The longest comes first; null is without end. */
const ONE_HAND = `with held as (
    select h.account_id::text as account, h.hand, h.until from account_hand h
    where h.account_id::text in ($1, $2) and (h.until is null or h.until > ${at("$3")})
    union all select $1, $1, to_timestamp(0) union all select $2, $2, to_timestamp(0))
  select coalesce(a.name, one.hand) as name, ${msOf("case when one.until is null or other.until is null then null else greatest(one.until, other.until) end")} as "untilMs"
  from held one join held other on other.hand = one.hand and other.account = $2 left join account a on a.id::text = one.hand
  where one.account = $1 order by 2 desc nulls first limit 1`;

/** Undefined: they are two. `sinceMs`: when it was asked for. Asked in the transaction that approves. */
export async function notTwoPeople(tx: Tx, asker: Signer, approver: Signer, sinceMs: number): Promise<OperationRefused | undefined> {
  if (sameSigner(approver, asker)) return refused("SAME_PERSON");
  const [one, other] = [asker.account, approver.account];
  if (typeof one !== "string" || typeof other !== "string") return undefined;
  if ((await run(tx.client, "two_people_number", ONE_NUMBER, [one, other])).length > 0) return refused("SAME_PERSON");
  const [hand] = await run<{ name: string; untilMs: number | null }>(tx.client, "two_people_hand", ONE_HAND, [one, other, sinceMs]);
  if (hand === undefined) return undefined;
  const until = hand.untilMs === null ? undefined : chinaDateTimeOf(Math.floor(hand.untilMs)).slice(0, 16).replace("T", " ");
  return refused("IN_ONE_HAND", {
    problems: [
      {
        at: "/by",
        zh: `${hand.name} 经手过其中的账户，${until === undefined ? "直至其本人修改密码并过一段时间" : `至 ${until}`} 不算另一人`,
        en: `${hand.name} had an account of the two in hand: not another person ${until === undefined ? "until its owner has changed the password, and for a while after" : `until ${until}`}`,
      },
    ],
  });
}
