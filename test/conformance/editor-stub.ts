/** Enough of the editor to run the scripts of our nodes' html files: registerType, translations, and an engine's choices. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { PACKAGE_ROOT } from "../journeys/node-red-bench.ts";

/** What a node's script registers. */
export interface EditorDefinition {
  readonly category: string;
  readonly defaults: Readonly<
    Record<
      string,
      {
        readonly value: unknown;
        readonly label?: string;
        readonly validate?: (this: object, value: unknown, opt: object) => boolean | string;
      }
    >
  >;
  readonly inputs: number;
  readonly outputs: number;
  readonly label: (this: object) => string;
  readonly paletteLabel: (this: object) => string;
  readonly outputLabels: (this: object, index: number) => string;
}

/** What an engine answers to GET /huiliu/choices. */
export interface Choices {
  readonly partners: readonly object[];
  readonly mappings: readonly object[];
  readonly eventTypes: readonly object[];
  readonly keyKinds: readonly object[];
}

const scriptOf = (path: string): string =>
  /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(readFileSync(path, "utf8"))?.[1] ?? "";
const look = (tree: unknown, key: string): unknown =>
  key.split(".").reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], tree);

/** Runs kit.html and a node's html; `choices` undefined = the engine has not answered yet. */
export function editorOf(
  folder: string,
  choices: Choices | undefined,
): { readonly type: string; readonly definition: EditorDefinition; readonly node: (config: object) => object } {
  const catalog = (name: string): unknown =>
    JSON.parse(readFileSync(join(PACKAGE_ROOT, "nodes", name, "locales", "zh-CN", `${name}.json`), "utf8"));
  const kit = catalog("kit");
  const own = catalog(folder);
  let registered: { type: string; definition: EditorDefinition } | undefined;
  const answer = {
    // biome-ignore lint/suspicious/noThenProperty: it stands in for jQuery's promise
    then: (use: (value: unknown) => unknown) => {
      if (choices !== undefined) use(choices);
      return answer;
    },
    fail: () => answer,
  };
  const sandbox = {
    $: Object.assign(() => ({ find: () => ({ text: () => undefined }), val: () => undefined }), { getJSON: () => answer }),
    RED: {
      i18n: { lang: () => "zh-CN" },
      _: (key: string) => String(look(key.startsWith("huiliu/kit:") ? kit : own, key.replace(/^huiliu\/[a-z-]+:/, "")) ?? `missing ${key}`),
      events: { on: () => undefined },
      settings: {},
      nodes: { registerType: (type: string, definition: EditorDefinition) => (registered = { type, definition }) },
    },
  };
  const context = createContext(sandbox);
  for (const name of ["kit", folder])
    runInContext(scriptOf(join(PACKAGE_ROOT, "nodes", name, `${name}.html`)), context, { filename: `${name}.html` });
  if (registered === undefined) throw new Error(`${folder}.html registers nothing`);
  const node = (config: object): object => ({ ...config, _: (key: string) => look(own, key) });
  return { ...registered, node };
}
