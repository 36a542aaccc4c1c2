/** What the engine tells while a page is open (GET /api/v1/live), and which queries are old then. */

export const LIVE_TOPICS = ["status", "destinations", "alarms", "failures"] as const;
export type LiveTopic = (typeof LIVE_TOPICS)[number];

/** First parts of the query keys that a change of the topic makes old: every query is ["<path>", params]. */
const OLD_WITH: Readonly<Record<LiveTopic, readonly string[]>> = {
  status: ["/status", "/replays"],
  destinations: ["/destinations", "/lanes"],
  alarms: ["/alarms", "/alarm-sinks"],
  failures: ["/failure-groups"],
};

/** "/lanes" for "/destinations/his/lanes" too: whatever stands under one of the topic's paths. */
export const isOldWith = (topics: readonly LiveTopic[], path: unknown): boolean =>
  typeof path === "string" && topics.some((topic) => OLD_WITH[topic].some((start) => path === start || path.startsWith(`${start}/`)));
