/** Which `event-in` nodes of this worker want which events. One book for every store: whoever commits an event owes it to them in the same transaction. */
export interface Subscribers {
  set(wanted: readonly { readonly id: string; readonly types: readonly string[] }[]): void;
  of(type: string): readonly string[];
}

export function createSubscribers(): Subscribers {
  const byType = new Map<string, readonly string[]>();
  return {
    set: (wanted) => {
      byType.clear();
      for (const { id, types } of wanted) for (const type of types) byType.set(type, [...(byType.get(type) ?? []), id]);
    },
    of: (type) => byType.get(type) ?? [],
  };
}
