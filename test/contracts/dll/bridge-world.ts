/** A bridge on a port of its own with a child that holds no library, and one who calls it as the engine does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { type Bridge, type BridgeOptions, openBridge } from "../../../platform/transports/dll/bridge.ts";
import { DESCRIPTION, type FakeChildren, fakeChildren } from "./fake-child.ts";

/** For the records of the calls; gone with the test. */
export const folder = mkdtempSync(join(tmpdir(), "huiliu-dll-"));
let files = 0;
/** A test that fails leaves its bridge open; nothing may wait for it. */
const opened: Bridge[] = [];
after(async () => {
  await Promise.all(opened.map((bridge) => bridge.close()));
  rmSync(folder, { recursive: true, force: true });
});

export interface World {
  readonly bridge: Bridge;
  readonly children: FakeChildren;
  readonly file: string;
  call(id: string, body?: string, headers?: Record<string, string>, path?: string): Promise<Said>;
}
export interface Said {
  readonly status: number;
  readonly call: string | null;
  readonly returned: string | null;
  readonly from: string | null;
  readonly text: string;
}

export const FUNCTION = "BUSINESS_HANDLE";
export const KEY = "a key of the contract test";

export async function world(options: Partial<BridgeOptions> = {}, children = fakeChildren()): Promise<World> {
  files += 1;
  const file = options.record ?? join(folder, `${files}.jsonl`);
  const bridge = await openBridge({
    description: DESCRIPTION,
    key: KEY,
    host: "127.0.0.1",
    port: 0,
    record: file,
    create: true,
    spawn: children.spawn,
    ...options,
  });
  opened.push(bridge);
  const url = bridge.url.replace("dll:", "http:");
  return {
    bridge,
    children,
    file,
    async call(id, body = "2410^x", headers = {}, path = `/calls/${FUNCTION}`) {
      const [key = "", attempt = "1"] = id.split("#");
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "x-api-key": KEY, "huiliu-key": key, "huiliu-attempt": attempt, ...headers },
        body,
      });
      const of = (name: string): string | null => response.headers.get(name);
      return {
        status: response.status,
        call: of("huiliu-call"),
        returned: of("huiliu-return"),
        from: of("huiliu-from"),
        text: await response.text(),
      };
    },
  };
}
