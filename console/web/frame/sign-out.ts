import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { post } from "../api/client.ts";

/** Ends the session; everything that was shown is forgotten, and the page is loaded anew. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    await post("/session/end", {}).catch(() => undefined); // ended already, or the engine is away: here it ends all the same
    client.clear();
    window.location.reload();
  }, [client]);
}
