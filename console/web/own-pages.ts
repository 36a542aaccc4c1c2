/** Pages that every account has, whatever its rights; not in the menu. */
import { lazy } from "react";

export const SetUp = lazy(() => import("./pages/sign-in/set-up.tsx"));
export const SignIn = lazy(() => import("./pages/sign-in/page.tsx"));
export const OwnAccount = lazy(() => import("./pages/me/page.tsx"));
