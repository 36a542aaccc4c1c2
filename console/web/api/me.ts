/** Who is signed in, and what the page may offer. The engine decides; pages only leave out what it would refuse. */
import { useQuery } from "@tanstack/react-query";
import { createElement, Fragment, type ReactNode } from "react";
import type { Right } from "../../../domain/access/rights.ts";
import type { Me } from "../../../domain/access/views.ts";
import { get } from "./client.ts";

export type { Me } from "../../../domain/access/views.ts";

export const ME_KEY = ["/me"] as const;
const NOBODY: Me = {
  id: "",
  login: "",
  name: "",
  roles: [],
  rights: [],
  partners: [],
  via: "session",
  totp: false,
  totpRequired: false,
  external: false,
};

export const askMe = (): Promise<Me> => get<Me>("/me");

/** The query behind `useMe`: its error says that nobody is signed in. */
export const useMeQuery = () => useQuery({ queryKey: ME_KEY, queryFn: askMe, staleTime: 60_000, retry: false });

/** Pages stand behind the sign-in: there it is never nobody. */
export const useMe = (): Me => useMeQuery().data ?? NOBODY;

export const useMay = (right: Right): boolean => useMe().rights.includes(right);

/** Shows its children to whoever has the right; to others nothing, or `otherwise`. */
export function May({
  right,
  children,
  otherwise,
}: {
  readonly right: Right;
  readonly children: ReactNode;
  readonly otherwise?: ReactNode;
}) {
  return createElement(Fragment, undefined, useMay(right) ? children : otherwise);
}
