/** What the present mapping would make of a message, held against what is stored of it. Pure. */
import type { Translated } from "../delivery/live.ts";
import type { Event } from "../events/event.ts";
import type { Preview } from "./views.ts";

/** Paths named of one event; the rest is "…". */
export const CHANGES_MAX = 100;
const DEPTH_MAX = 12;

/** Dotted paths at which two JSON values differ, sorted, at most CHANGES_MAX. */
export function changedPaths(before: unknown, after: unknown): string[] {
  const found: string[] = [];
  const walk = (one: unknown, two: unknown, path: string, depth: number): void => {
    if (found.length >= CHANGES_MAX || one === two) return;
    const objects = typeof one === "object" && one !== null && typeof two === "object" && two !== null;
    if (!objects || Array.isArray(one) !== Array.isArray(two) || depth >= DEPTH_MAX) {
      if (!objects || JSON.stringify(one) !== JSON.stringify(two)) found.push(path === "" ? "." : path);
      return;
    }
    const [left, right] = [one as Record<string, unknown>, two as Record<string, unknown>];
    for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
      walk(left[name], right[name], path === "" ? name : `${path}.${name}`, depth + 1);
    }
  };
  walk(before, after, "", 0);
  return found.sort();
}

/** The preview of a replay. `stored`: the message's own events (not those of its parking or its write-backs). */
export function previewOf(
  messageId: string,
  translated: { readonly mapping: string; readonly result: Translated },
  stored: readonly Event[],
  show: (event: Event) => Record<string, unknown>,
): Preview {
  const known = new Map(stored.map((event) => [event.id, event]));
  const made = translated.result.ok ? translated.result.events.map((sealed) => sealed.event) : [];
  const ids = new Set(made.map((event) => event.id));
  return {
    messageId,
    mapping: translated.mapping,
    events: made.map((event) => {
      const before = known.get(event.id);
      return {
        id: event.id,
        type: event.type,
        stored: before !== undefined,
        changed: before === undefined ? [] : changedPaths(before, JSON.parse(JSON.stringify(event))),
        event: show(event),
      };
    }),
    gone: stored.filter((event) => !ids.has(event.id)).map(({ id, type }) => ({ id, type })),
    problems: translated.result.ok ? [] : translated.result.problems.map(({ code, at, place, zh, en }) => ({ code, at, place, zh, en })),
  };
}
