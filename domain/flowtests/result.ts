/** What running a stored test shows: passed, or every difference with the place to look at. */
import { type Static, Type } from "typebox";

export const Place = Type.Object({
  /** The flow's folder. */
  flow: Type.Optional(Type.String()),
  node: Type.Optional(Type.Object({ id: Type.String(), type: Type.String(), name: Type.Optional(Type.String()) })),
  /** `<vendor>/<message>`. */
  mapping: Type.Optional(Type.String()),
  /** JSON pointer into the mapping document, where it is known, else the place in the message. */
  path: Type.Optional(Type.String()),
  /** Which rule of the ack contract decided, in the engine's words. */
  rule: Type.Optional(Type.String()),
});
export type Place = Static<typeof Place>;

/** The closed list of what a test may find. */
const DIFFERENCES = [
  "document",
  "not-run",
  "answer",
  "event-missing",
  "event-unexpected",
  "event-field",
  "write-back-missing",
  "write-back-unexpected",
  "write-back-field",
  "write-back-outcome",
  "parked-missing",
  "parked-unexpected",
  "parked-field",
  "call-unscripted",
  "reply-unused",
  "unfinished",
] as const;

export const Difference = Type.Object({
  code: Type.Unsafe<(typeof DIFFERENCES)[number]>(Type.Union(DIFFERENCES.map((code) => Type.Literal(code)))),
  /** Pointer into the test file; empty: about the run as a whole. */
  at: Type.String(),
  zh: Type.String(),
  en: Type.String(),
  expected: Type.Optional(Type.String()),
  actual: Type.Optional(Type.String()),
  place: Type.Optional(Place),
});
export type Difference = Static<typeof Difference>;

export const TestResult = Type.Object({
  flow: Type.String(),
  test: Type.String(),
  title: Type.Optional(Type.Object({ zh: Type.String(), en: Type.String() })),
  passed: Type.Boolean(),
  differences: Type.Array(Difference),
  /** Real milliseconds, and the simulated ones that went by meanwhile. */
  ms: Type.Number(),
  simulatedMs: Type.Number(),
});
export type TestResult = Static<typeof TestResult>;

export const FlowTestRun = Type.Object({
  passed: Type.Boolean(),
  tests: Type.Integer(),
  failed: Type.Integer(),
  /** Flows that were asked for and have no tests. */
  untested: Type.Array(Type.String()),
  results: Type.Array(TestResult),
  /** Why nothing could be run at all (a mapping that does not load): then it has not passed. */
  problems: Type.Array(Type.Object({ at: Type.String(), zh: Type.String(), en: Type.String() })),
  ms: Type.Number(),
});
export type FlowTestRun = Static<typeof FlowTestRun>;

/** One line for people: where to look. */
function placeText(place: Place | undefined): string {
  if (place === undefined) return "";
  const node = place.node && `node ${place.node.id}${place.node.name === undefined ? "" : ` “${place.node.name}”`} (${place.node.type})`;
  const mapping = place.mapping && `mappings/${place.mapping}/mapping.json${place.path === undefined ? "" : `#${place.path}`}`;
  const flow = place.flow && `flows/${place.flow}`;
  return [flow, node, mapping ?? place.path, place.rule].filter((part) => part !== undefined && part !== "").join(" · ");
}

/** Every line of a failed test: Chinese, English, what was wanted and what came, where to look. */
export function differenceLines({ at, zh, en, expected, actual, place }: Difference): readonly string[] {
  const where = placeText(place);
  return [
    `${at === "" ? "" : `${at}  `}${zh} · ${en}`,
    ...(expected === undefined ? [] : [`    期望 expected  ${expected}`]),
    ...(actual === undefined ? [] : [`    实际 actual    ${actual}`]),
    ...(where === "" ? [] : [`    位置 place     ${where}`]),
  ];
}
