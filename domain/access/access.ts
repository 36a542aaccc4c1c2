/** Sign-in, accounts and sessions put together: what ports.ts promises. */
import { createAccounts } from "./accounts.ts";
import { createExternal } from "./external.ts";
import { createOwn } from "./own.ts";
import type { Access, AccessDeps } from "./ports.ts";
import { createSetUp } from "./set-up.ts";
import { createSignIn } from "./sign-in.ts";

export const createAccess = (deps: AccessDeps): Access => ({
  ...createSignIn(deps),
  ...createSetUp(deps),
  ...createOwn(deps),
  ...createAccounts(deps),
  ...createExternal(deps),
});
