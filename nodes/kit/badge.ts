/** The small text under a node in the editor. Shown at most every `EVERY_MS`, so that a busy flow does not drown the editor in status messages. */
import type { FlowNode, Status } from "./red.ts";

/** Shortest time between two changes of a badge. */
const EVERY_MS = 500;
/** Longest text shown, in characters: longer ones run over the nodes beside it. The parked record has the whole. */
const TEXT_MAX = 26;

export interface Badge {
  /** Nothing to do, or not yet allowed to. */
  waiting(): void;
  /** `count` messages in hand. */
  live(count: number): void;
  /** The last thing that went wrong; stays until something goes well. */
  failed(text: string): void;
  close(): void;
}

export function createBadge(node: FlowNode): Badge {
  let shown = "";
  let wanted: Status = {};
  let timer: NodeJS.Timeout | undefined;

  const show = (): void => {
    const key = `${wanted.fill}|${wanted.shape}|${wanted.text}`;
    if (key === shown) return;
    shown = key;
    node.status(wanted);
  };
  const want = (status: Status): void => {
    wanted = status;
    if (timer !== undefined) return;
    show();
    timer = setTimeout(() => {
      timer = undefined;
      show();
    }, EVERY_MS);
    timer.unref();
  };

  return {
    waiting: () => want({ fill: "grey", shape: "ring", text: "等待 waiting" }),
    live: (count) =>
      want(
        count > 0 ? { fill: "green", shape: "dot", text: `处理中 live ${count}` } : { fill: "green", shape: "ring", text: "就绪 ready" },
      ),
    failed: (text) => want({ fill: "red", shape: "dot", text: text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text }),
    close: () => {
      clearTimeout(timer);
      node.status({});
    },
  };
}
