/** What a person does on a page: asked once, its result told in words, its refusal with the next step, and what it changed asked again. */
import { useQueryClient } from "@tanstack/react-query";
import { Alert } from "antd";
import { type ReactNode, useCallback, useState } from "react";
import { Problem } from "./problem.tsx";

type Told = { readonly ok: true; readonly words: ReactNode } | { readonly ok: false; readonly error: unknown };

export interface Deeds {
  readonly busy: boolean;
  readonly told: Told | undefined;
  /** Does it, tells what came of it, and makes the queries old whose paths begin with one of `changed`. Undefined when it was refused. */
  act<T>(work: () => Promise<T>, say: (answer: T) => ReactNode): Promise<T | undefined>;
  clear(): void;
}

/** `changed`: first parts of query keys, `/replays` for everything under it. */
export function useDeeds(changed: readonly string[]): Deeds {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<Told>();
  const paths = changed.join(" ");
  const act = useCallback<Deeds["act"]>(
    async (work, say) => {
      setBusy(true);
      setTold(undefined);
      try {
        const answer = await work();
        setTold({ ok: true, words: say(answer) });
        return answer;
      } catch (error) {
        setTold({ ok: false, error });
        return undefined;
      } finally {
        setBusy(false);
        const starts = paths.split(" ");
        await client.invalidateQueries({
          predicate: ({ queryKey: [path] }) =>
            typeof path === "string" && starts.some((start) => path === start || path.startsWith(`${start}/`)),
        });
      }
    },
    [client, paths],
  );
  return { busy, told, act, clear: () => setTold(undefined) };
}

/** Where the result of the last deed is told; read out when it appears. */
export function DeedResult({ deeds }: { readonly deeds: Deeds }) {
  const { told } = deeds;
  if (!told) return null;
  return (
    <div style={{ marginBottom: 12 }}>
      {told.ok ? (
        <Alert type="success" showIcon role="status" title={told.words} closable={{ closeIcon: true, onClose: deeds.clear }} />
      ) : (
        <Problem error={told.error} />
      )}
    </div>
  );
}
