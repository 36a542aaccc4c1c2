/** Which Huiliu this is. */
import { useQuery } from "@tanstack/react-query";
import type { About } from "../../../domain/live/views.ts";
import { get } from "./client.ts";

/** Undefined until it is known. */
export const useAbout = (): About | undefined =>
  useQuery({ queryKey: ["/about"], queryFn: () => get<About>("/about"), staleTime: Number.POSITIVE_INFINITY }).data;
