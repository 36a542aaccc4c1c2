/**
 * One stream of changes for the whole page (Server-Sent Events), however many parts of it listen. A change makes the queries of its topic old, and what
 * is on the screen is asked again; a stream that breaks is opened again, and everything is old then.
 */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { ME_KEY } from "../api/me.ts";
import { isOldWith, LIVE_TOPICS, type LiveTopic } from "./topics.ts";

export type LiveState = "connecting" | "live" | "lost";

/** Nothing heard for this long (the engine says something every 15 s): the stream is taken for dead. */
const SILENT_MS = 40_000;
const AGAIN_MS = 3_000;
const HIDDEN_MS = 30_000;

interface Listener {
  readonly topics: readonly LiveTopic[];
  readonly client: QueryClient;
}

const listeners = new Set<Listener>();
const watchers = new Set<() => void>();
const latest = new Map<LiveTopic, unknown>();
let state: LiveState = "connecting";
let source: EventSource | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;
let again: ReturnType<typeof setTimeout> | undefined;

function tell(next: LiveState): void {
  state = next;
  for (const watcher of watchers) watcher();
}

function makeOld(changed: readonly LiveTopic[]): void {
  for (const { topics, client } of listeners) {
    const mine = topics.filter((topic) => changed.includes(topic));
    if (mine.length > 0) void client.invalidateQueries({ predicate: ({ queryKey }) => isOldWith(mine, queryKey[0]) });
  }
}

function heard(): void {
  clearTimeout(silence);
  silence = setTimeout(lose, SILENT_MS);
  if (state !== "live") tell("live");
}

function lose(): void {
  close();
  tell("lost");
  // Whether the engine is away or the session has ended is told by whoever asks who is signed in.
  for (const { client } of listeners) void client.invalidateQueries({ queryKey: ME_KEY });
  if (listeners.size > 0) again = setTimeout(open, AGAIN_MS);
}

function close(): void {
  clearTimeout(silence);
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function open(): void {
  close();
  const stream = new EventSource("/api/v1/live");
  source = stream;
  const missed = state === "lost";
  stream.addEventListener("open", () => {
    heard();
    if (missed) makeOld(LIVE_TOPICS);
  });
  stream.addEventListener("error", lose);
  stream.addEventListener("beat", heard);
  stream.addEventListener("end", lose);
  for (const topic of LIVE_TOPICS)
    stream.addEventListener(topic, (event) => {
      heard();
      const first = !latest.has(topic);
      latest.set(topic, JSON.parse(event.data));
      for (const watcher of watchers) watcher();
      // The first telling is where things stand; the queries have only just asked.
      if (!first) makeOld([topic]);
    });
}

let hiding: ReturnType<typeof setTimeout> | undefined;
/** A browser has few connections to a host: pages that nobody looks at give theirs up, and catch up when they are looked at again. */
function look(): void {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(close, HIDDEN_MS);
  } else if (!source && listeners.size > 0) {
    state = "lost";
    open();
  }
}
document.addEventListener("visibilitychange", look);

function join(listener: Listener): () => void {
  listeners.add(listener);
  if (!source) open();
  return () => {
    listeners.delete(listener);
    // After the next page has joined, or not: a change of pages does not break the stream.
    setTimeout(() => {
      if (listeners.size > 0) return;
      close();
      latest.clear();
      state = "connecting";
    }, 0);
  };
}

const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Keeps the queries of these topics fresh while the component is shown; says whether the stream lives. */
export function useLive(topics: readonly LiveTopic[]): LiveState {
  const client = useQueryClient();
  const wanted = topics.join(" ");
  useEffect(() => join({ topics: wanted === "" ? [] : (wanted.split(" ") as LiveTopic[]), client }), [wanted, client]);
  return useSyncExternalStore(watch, () => state);
}

/** What the engine told last about a topic; undefined before it told anything. Needs `useLive` somewhere on the page (the frame does). */
export const useLiveValue = <T>(topic: LiveTopic): T | undefined => useSyncExternalStore(watch, () => latest.get(topic)) as T | undefined;
