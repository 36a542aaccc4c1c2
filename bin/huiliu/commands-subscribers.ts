/** `huiliu subscribers` and `huiliu subscriber …`: who reads events, and what is owed to them again. */
import { Option } from "commander";
import type { SubscriberList, SubscriberView } from "../../domain/operations/views-subscribers.ts";
import type * as views from "../../domain/operations/views.ts";
import type { Add, Deeds, Flags } from "./commands.ts";
import { table } from "./table.ts";
import type { Say } from "./texts.ts";

type SubscriberFlags = Flags & {
  readonly events?: string;
  readonly event?: string;
  readonly seq?: string;
  readonly queue?: string;
  readonly since?: string;
};

function owedText(say: Say, { owed, stalled }: SubscriberView): string {
  const parts: string[] = [];
  if (stalled !== undefined)
    parts.push(
      say(
        `队列不收（${stalled.why}），自 ${stalled.since.slice(5, 16)}`,
        `takes nothing (${stalled.why}) since ${stalled.since.slice(5, 16)}`,
      ),
    );
  if (owed !== undefined)
    parts.push(say(`补发 ${owed.from}–${owed.to ?? "…"}（${owed.why}）`, `owed ${owed.from}–${owed.to ?? "…"} (${owed.why})`));
  return parts.join(" ");
}

/** The list, and the broker's past in one line. */
function subscriberLines(say: Say, { items, reached, wipes, wipedAt }: SubscriberList): readonly string[] {
  const wiped =
    wipedAt === undefined
      ? ""
      : say(`；消息代理被清空 ${wipes} 次，最近 ${wipedAt}`, `; the broker was wiped ${wipes} times, last ${wipedAt}`);
  const rows = table<SubscriberView>(items, [
    { head: say("订阅者", "subscriber"), cell: (one) => one.name },
    { head: say("队列", "queue"), cell: (one) => one.queue },
    { head: say("事件", "events"), cell: (one) => one.patterns.join(" ") },
    { head: say("检查点", "checkpoint"), cell: (one) => one.checkpoint },
    { head: say("状态", "state"), cell: (one) => owedText(say, one) },
  ]);
  return [...rows, say(`事件已到 ${reached}${wiped}`, `events have reached ${reached}${wiped}`)];
}

/** Adds the commands. */
export function addSubscriberCommands(add: Add, { options, by, line }: Deeds): void {
  add("subscribers", "who subscribes to events, and what is owed to them again · 订阅者", () => async (client, _flags, say) => {
    const answer = await client.get<SubscriberList>("/subscribers");
    return { answer, lines: subscriberLines(say, answer) };
  });
  const post = (
    description: string,
    name: string,
    path: (given: string) => string,
    body: (given: string, flags: SubscriberFlags) => object,
  ) =>
    options(
      add(name, description, (given = "") => async (client, flags, say) => {
        const answer = await client.post<views.Done>(path(encodeURIComponent(given)), {
          ...body(given, flags),
          reason: flags.reason,
          by: by(flags),
        });
        return { answer, lines: [line(say, answer)] };
      }),
    );
  post(
    "the engine declares huiliu.events.<name> and answers for it · 登记订阅者",
    "subscribe <name>",
    () => "/subscribers",
    (name, { events = "#" }) => ({
      name,
      events: events.split(",").map((one) => one.trim()),
    }),
  ).addOption(new Option("--events <patterns>", "event types, separated by commas, * and # as in AMQP; all when absent · 事件类型"));
  post(
    "nothing is owed to it any more · 撤销订阅",
    "unsubscribe <name>",
    (name) => `/subscribers/${name}/remove`,
    () => ({}),
  );
  post(
    "everything up to this event has been read · 设检查点",
    "checkpoint <name>",
    (name) => `/subscribers/${name}/checkpoint`,
    (_name, { event, seq }) => ({
      ...(event === undefined ? {} : { eventId: event }),
      ...(seq === undefined ? {} : { seq }),
    }),
  )
    .option("--event <id>", "id of the last event read · 最后读完的事件编号")
    .option("--seq <n>", "or its number · 或其序号");
  post(
    "publish events since a moment again · 补发事件",
    "republish [name]",
    () => "/subscribers/republish",
    (name, { queue, since }) => ({
      ...(name === "" ? {} : { subscriber: name }),
      ...(queue === undefined ? {} : { queue }),
      since,
    }),
  )
    .option("--queue <queue>", "a queue of somebody else's instead of a subscriber · 他人自建的队列")
    .requiredOption("--since <time>", "day or time · 起始时刻");
}
