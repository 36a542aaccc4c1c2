/** Who is signed in, and what the page may offer. The engine decides; pages only leave out what it would refuse. */
import { useQuery } from "@tanstack/react-query";
import { createElement, Fragment, type ReactNode } from "react";
import type { Right, Role } from "../../../domain/access/rights.ts";
import { get } from "./client.ts";

export interface Me {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly rights: readonly Right[];
  /** Partners whose messages and destinations the account may see; "*" is all. */
  readonly partners: "*" | readonly string[];
}

export const ME_KEY = ["/me"] as const;
const NOBODY: Me = { name: "", roles: [], rights: [], partners: [] };

/** The query behind `useMe`: its error says that nobody is signed in. */
export const useMeQuery = () => useQuery({ queryKey: ME_KEY, queryFn: () => get<Me>("/me"), staleTime: 60_000, retry: false });

/** Pages stand behind the sign-in: there it is never nobody. */
export const useMe = (): Me => useMeQuery().data ?? NOBODY;

export const useMay = (right: Right): boolean => useMe().rights.includes(right);

/** Shows its children to whoever has the right; to others nothing, or `otherwise`. */
export function May({ right, children, otherwise }: { readonly right: Right; readonly children: ReactNode; readonly otherwise?: ReactNode }) {
  return createElement(Fragment, undefined, useMay(right) ? children : otherwise);
}
