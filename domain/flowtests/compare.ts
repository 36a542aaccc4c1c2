/** Holds what came of a test against what it expects: exact counts, and of each thing only what the test says. Every difference names the place to look at. */
import type { ParkReason } from "../journal/ports.ts";
import type { ExpectedAnswer, ExpectedEvent, ExpectedParked, ExpectedWriteBack, FlowTest } from "./document.ts";
import { locateField, valueAt } from "./locate.ts";
import type { Observed, ObservedEvent, ObservedMessage, ObservedWriteBack } from "./observed.ts";
import type { Difference, Place } from "./result.ts";

/** Longest text of a value in a difference. */
const SHOWN_MAX = 300;

const shown = (value: unknown): string => (value === undefined ? "（没有 absent）" : String(value).slice(0, SHOWN_MAX));

/** Equal as the document writes it: texts, numbers and booleans by their text; null and absent are one. */
const same = (expected: unknown, actual: unknown): boolean =>
  expected === null ? actual === undefined || actual === null : actual !== undefined && String(expected) === String(actual);

function difference(code: Difference["code"], at: string, texts: readonly [string, string], more: Partial<Difference> = {}): Difference {
  return { code, at, zh: texts[0], en: texts[1], ...more };
}

/**
 * Pairs what is expected with what came, each once: of those that may be meant the one that fits best. Pure bookkeeping, so that one wrong field is told as that and
 * not as one missing and one too many.
 */
function paired<E, A>(
  expected: readonly E[],
  actual: readonly A[],
  mayBe: (one: E, other: A) => boolean,
  faults: (one: E, other: A) => number,
): { readonly pairs: readonly (readonly [number, A])[]; readonly missing: readonly number[]; readonly rest: readonly A[] } {
  const free = new Set(actual);
  const pairs: [number, A][] = [];
  const open = new Set(expected.keys());
  const candidates = expected
    .flatMap((one, index) => actual.filter((other) => mayBe(one, other)).map((other) => ({ index, other, faults: faults(one, other) })))
    .sort((a, b) => a.faults - b.faults || a.index - b.index);
  for (const { index, other } of candidates) {
    if (!open.has(index) || !free.has(other)) continue;
    open.delete(index);
    free.delete(other);
    pairs.push([index, other]);
  }
  return { pairs: pairs.sort(([a], [b]) => a - b), missing: [...open], rest: [...free] };
}

const nodeOf = (reason: ParkReason | undefined): Place["node"] => {
  const node = reason?.node;
  return node && { id: node.id, type: node.type, ...(node.name === undefined ? {} : { name: node.name }) };
};

/** Where a parked message says that it died. */
function parkPlace(seen: Observed, reason: ParkReason | undefined): Place {
  const node = nodeOf(reason);
  const problem = reason?.problems?.[0];
  return {
    flow: reason?.node?.flow ?? seen.flow,
    ...(node === undefined ? {} : { node }),
    ...(problem === undefined ? {} : { path: problem.at || problem.place, rule: `${problem.zh} · ${problem.en}` }),
  };
}

/** What explains that something is missing: a message that parked, else a node of the flow that no message reached. */
function absencePlace(seen: Observed, isMaker: (node: Observed["nodes"][number]) => boolean): Place {
  const parked = seen.messages.find((message) => message.state === "parked");
  if (parked) return parkPlace(seen, parked.park);
  const maker = seen.nodes.find((node) => isMaker(node) && !seen.visited.has(node.id)) ?? seen.nodes.find(isMaker);
  if (!maker) return { flow: seen.flow };
  const { id, type, name } = maker;
  const rule = seen.visited.has(id) ? {} : { rule: "没有报文到达此节点，检查连线 · no message reached this node: look at the wires" };
  return { flow: seen.flow, node: { id, type, ...(name === undefined ? {} : { name }) }, ...rule };
}

const parkedWhy = (message: ObservedMessage | undefined): string => (message?.park ? `${message.park.zh} · ${message.park.en}` : "");

function answerDifferences(expected: readonly ExpectedAnswer[], seen: Observed): readonly Difference[] {
  return expected.flatMap((one, index) => {
    const at = `/expect/answers/${index}`;
    const answer = seen.answers[one.message - 1];
    const message = seen.messages.find((each) => each.given === one.message);
    const place = answer?.reason ? { place: parkPlace(seen, answer.reason) } : {};
    const wanted = [
      ["verdict", one.verdict, answer?.verdict],
      ["text", one.text, answer?.text],
      ["code", one.code, answer?.reason?.code],
    ] as const;
    return wanted
      .filter(([, want, got]) => want !== undefined && want !== got)
      .map(([name, want, got]) =>
        difference("answer", `${at}/${name}`, [`第 ${one.message} 条报文的答复不同`, `message ${one.message} was answered otherwise`], {
          expected: shown(want),
          actual: [shown(got), name === "verdict" ? parkedWhy(message) : ""].filter((text) => text !== "").join("  "),
          ...place,
        }),
      );
  });
}

const eventFaults = (
  one: ExpectedEvent,
  { event }: ObservedEvent,
): readonly { readonly at: string; readonly want: unknown; readonly got: unknown }[] =>
  [
    { at: "/source", want: one.source, got: event.source },
    { at: "/subject", want: one.subject, got: event.subject },
    ...Object.entries(one.fields ?? {}).map(([at, want]) => ({ at, want, got: valueAt(event, at) })),
  ].filter(({ want, got }) => want !== undefined && !same(want, got));

function mappingPlace(seen: Observed, mapping: string | undefined, at: string): Place {
  if (mapping === undefined) return { flow: seen.flow };
  return { flow: seen.flow, mapping, path: locateField(seen.document(mapping), at) ?? at };
}

function eventDifferences(expected: readonly ExpectedEvent[], seen: Observed): readonly Difference[] {
  const { pairs, missing, rest } = paired(
    expected,
    seen.events,
    (one, { event }) => one.type === event.type,
    (one, other) => eventFaults(one, other).length,
  );
  return [
    ...pairs.flatMap(([index, actual]) =>
      eventFaults(expected[index] as ExpectedEvent, actual).map(({ at, want, got }) =>
        difference(
          "event-field",
          `/expect/events/${index}${at.startsWith("/data") ? `/fields${at}` : at}`,
          [`事件 ${actual.event.type} 的 ${at} 不同`, `${at} of event ${actual.event.type} differs`],
          { expected: shown(want), actual: shown(got), place: mappingPlace(seen, actual.mapping, at) },
        ),
      ),
    ),
    ...missing.map((index) =>
      difference(
        "event-missing",
        `/expect/events/${index}`,
        [`没有发布事件 ${expected[index]?.type}`, `event ${expected[index]?.type} was not published`],
        {
          actual: seen.messages.map(parkedWhy).find((text) => text !== "") ?? seen.events.map(({ event }) => event.type).join(", ") ?? "",
          place: absencePlace(seen, (node) => node.type === "huiliu-publish-event"),
        },
      ),
    ),
    ...rest.map(({ event, mapping }) =>
      difference(
        "event-unexpected",
        "/expect/events",
        [`多出事件 ${event.type} ${event.subject}`, `event ${event.type} ${event.subject} was not expected`],
        {
          place: { flow: seen.flow, ...(mapping === undefined ? {} : { mapping }) },
        },
      ),
    ),
  ];
}

const writeBackName = ({ destination, kind }: { readonly destination: string; readonly kind: string }): string => `${destination} ${kind}`;

interface WriteBackFault {
  readonly code: "write-back-field" | "write-back-outcome";
  readonly at: string;
  readonly want: unknown;
  readonly got: unknown;
  /** Place of the body that the fault is about. */
  readonly body?: string;
}

function writeBackFaults(one: ExpectedWriteBack, actual: ObservedWriteBack): readonly WriteBackFault[] {
  const field = (at: string, want: unknown, got: unknown): readonly WriteBackFault[] =>
    want === undefined || same(want, got) ? [] : [{ code: "write-back-field", at, want, got }];
  const outcome = (at: string, want: unknown, got: unknown): readonly WriteBackFault[] =>
    want === undefined || want === got ? [] : [{ code: "write-back-outcome", at, want, got }];
  return [
    ...field("/key", one.key, actual.key),
    ...field("/lane", one.lane, actual.lane),
    ...field("/amount", one.amount, actual.amountFen),
    ...Object.entries(one.body ?? {})
      .map(([body, want]) => ({ body, want, got: actual.read(body) }))
      .filter(({ want, got }) => !same(want, got))
      .map((fault) => ({ code: "write-back-field" as const, at: `/body${fault.body}`, ...fault })),
    ...(one.contains ?? [])
      .filter((text) => !actual.text.includes(text))
      .map((want) => ({ code: "write-back-field" as const, at: "/contains", want, got: actual.text })),
    ...outcome("/outcome", one.outcome, actual.state),
    ...outcome("/code", one.code, actual.code),
    ...outcome("/attempts", one.attempts, actual.calls.length),
    ...outcome("/calls", one.calls?.join(" "), actual.calls.join(" ")),
  ];
}

function writeBackDifferences(expected: readonly ExpectedWriteBack[], seen: Observed): readonly Difference[] {
  const { pairs, missing, rest } = paired(
    expected,
    seen.writeBacks,
    (one, other) => writeBackName(one) === writeBackName(other),
    (one, other) => writeBackFaults(one, other).length,
  );
  return [
    ...pairs.flatMap(([index, actual]) =>
      writeBackFaults(expected[index] as ExpectedWriteBack, actual).map(({ code, at, want, got, body }) => {
        const name = writeBackName(actual);
        const texts: readonly [string, string] =
          code === "write-back-field"
            ? [`回写 ${name} 的内容不同`, `what write-back ${name} says differs`]
            : [`回写 ${name} 的结局不同`, `write-back ${name} ended otherwise`];
        // The contract stands in the outbound document: /reply/ack says which codes mean what.
        const place: Place =
          code === "write-back-field"
            ? mappingPlace(seen, actual.mapping, body ?? at)
            : { flow: seen.flow, mapping: actual.mapping, path: "/reply/ack", ...(actual.rule === undefined ? {} : { rule: actual.rule }) };
        const told = code === "write-back-outcome" && actual.rule !== undefined ? `${shown(got)}  ${actual.rule}` : shown(got);
        return difference(code, `/expect/writeBacks/${index}${at}`, texts, { expected: shown(want), actual: told, place });
      }),
    ),
    ...missing.map((index) => {
      const wanted = expected[index] as ExpectedWriteBack;
      const name = writeBackName(wanted);
      return difference("write-back-missing", `/expect/writeBacks/${index}`, [`没有欠下回写 ${name}`, `write-back ${name} was not owed`], {
        ...(seen.messages.some((message) => message.park)
          ? { actual: seen.messages.map(parkedWhy).find((text) => text !== "") ?? "" }
          : {}),
        place: absencePlace(
          seen,
          (node) => node.type === "huiliu-write-back" && node.destination === wanted.destination && node.kind === wanted.kind,
        ),
      });
    }),
    ...rest.map((actual) =>
      difference(
        "write-back-unexpected",
        "/expect/writeBacks",
        [`多出回写 ${writeBackName(actual)}`, `write-back ${writeBackName(actual)} was not expected`],
        {
          actual: actual.text.slice(0, SHOWN_MAX),
          place: { flow: actual.flow, node: { id: actual.node, type: "huiliu-write-back" }, mapping: actual.mapping },
        },
      ),
    ),
  ];
}

function parkedDifferences(expected: readonly ExpectedParked[], seen: Observed): readonly Difference[] {
  const faultsOf = (one: ExpectedParked, { park }: ObservedMessage) => {
    const places = (park?.problems ?? []).flatMap((problem) => [problem.at, problem.place]);
    return [
      { at: "/code", want: one.code, got: park?.code },
      { at: "/node", want: one.node, got: park?.node?.id },
      { at: "/at", want: one.at, got: one.at !== undefined && places.includes(one.at) ? one.at : places.join(", ") },
    ].filter(({ want, got }) => want !== undefined && want !== got);
  };
  const { pairs, missing, rest } = paired(
    expected,
    seen.messages.filter((message) => message.state === "parked"),
    (one, other) =>
      (one.message === undefined || one.message === other.given) &&
      (one.partner === undefined || one.partner === other.partner) &&
      (one.kind === undefined || one.kind === other.kind),
    (one, other) => faultsOf(one, other).length,
  );
  return [
    ...pairs.flatMap(([index, actual]) =>
      faultsOf(expected[index] as ExpectedParked, actual).map(({ at, want, got }) =>
        difference("parked-field", `/expect/parked/${index}${at}`, ["挂起的原因不同", "it was parked for another reason"], {
          expected: shown(want),
          actual: `${shown(got)}  ${parkedWhy(actual)}`,
          place: parkPlace(seen, actual.park),
        }),
      ),
    ),
    ...missing.map((index) =>
      difference("parked-missing", `/expect/parked/${index}`, ["报文没有挂起", "no message was parked"], {
        expected: shown(expected[index]?.code),
        actual: seen.messages.map(({ partner, kind, state }) => `${partner}.${kind} ${state}`).join(", "),
        place: { flow: seen.flow },
      }),
    ),
    ...rest.map((actual) =>
      difference(
        "parked-unexpected",
        "/expect/parked",
        [`报文 ${actual.partner}.${actual.kind} 被挂起`, `message ${actual.partner}.${actual.kind} was parked`],
        { actual: `${actual.park?.code ?? ""}  ${parkedWhy(actual)}`, place: parkPlace(seen, actual.park) },
      ),
    ),
  ];
}

/** Every difference; empty: the test passed. */
export function compareFlowTest({ expect }: Pick<FlowTest, "expect">, seen: Observed): readonly Difference[] {
  return [
    ...parkedDifferences(expect.parked, seen),
    ...answerDifferences(expect.answers ?? [], seen),
    ...eventDifferences(expect.events, seen),
    ...writeBackDifferences(expect.writeBacks, seen),
    ...seen.unscripted.map(({ destination, mapping, text }) =>
      difference(
        "call-unscripted",
        `/replies/${destination}`,
        [`没有写好对 ${mapping} 的应答`, `the test has no reply for this call of ${mapping}`],
        { actual: text.slice(0, SHOWN_MAX), place: { flow: seen.flow, mapping } },
      ),
    ),
    ...seen.unused.map((at) =>
      difference("reply-unused", at, ["没有人请求这个应答", "nobody called for this reply"], { place: { flow: seen.flow } }),
    ),
    ...seen.unfinished.map((what) =>
      difference("unfinished", "", [`时间到了仍未结束：${what}`, `not over when time was up: ${what}`], { place: { flow: seen.flow } }),
    ),
  ];
}
