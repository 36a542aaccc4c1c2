/** Whether an account may still do something: asked again when what two people wanted is carried out (reliability.md A14). */
import { ROLE_RIGHTS, type Role } from "../../domain/access/rights.ts";
import type { MayStill } from "./operations-deps.ts";
import { run } from "./sql.ts";

const STANDING = "select a.roles from account a where a.id::text = $1 and a.state = 'active'";

/** False: it is gone, disabled, or none of its roles has the right any more. Rejects when the database is away. */
export const mayStill: MayStill = async (account, right, inTransaction) => {
  const [row] = await run<{ roles: readonly Role[] }>(inTransaction, "may_still", STANDING, [account]);
  return row?.roles.some((role) => ROLE_RIGHTS[role]?.includes(right)) === true;
};
