/** What waits for a second person. The frame shows its number beside the menu. */
import { useQuery } from "@tanstack/react-query";
import type { WaitingApproval } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { samePerson } from "../replays/model.ts";

const REFRESH_MS = 10_000;
const APPROVALS_KEY = ["/approvals"] as const;

export const useApprovals = () =>
  useQuery({
    queryKey: APPROVALS_KEY,
    queryFn: () => get<{ readonly items: readonly WaitingApproval[] }>("/approvals"),
    refetchInterval: REFRESH_MS,
  });

/** How many wait for this person's approval: those of others, where the account may approve at all. */
export function useWaitingApprovals(): number {
  const items = useApprovals().data?.items ?? [];
  const { name } = useMe();
  return useMay("approve") ? items.filter(({ requestedBy }) => !samePerson(name, requestedBy)).length : 0;
}
