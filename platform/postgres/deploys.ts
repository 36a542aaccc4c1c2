/** Audits a deploy of flows although their stored tests fail, before it takes effect. */
import type { Override } from "../node-red/deploy-tests.ts";
import { commit } from "./group-commit.ts";
import { note } from "./operations-deeds.ts";
import type { Log, Pool } from "./pool.ts";

/** Resolves once the entry is committed; rejects when it is not, and the deploy must not be made then. */
export async function noteDeploy(deps: { readonly pool: Pool; readonly log: Log }, override: Override): Promise<void> {
  const { by, reason, flows, failed } = override;
  await commit({ ...deps, name: "deploy" }, async (tx) => {
    await note(tx, { who: by, action: "deploy-override", targetKind: "flow", targetId: flows.join(","), reason, after: { flows, failed } });
    return { answers: [] };
  });
}
