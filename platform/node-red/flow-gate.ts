/**
 * The door between the editor and the flows' files: a drawing that cannot work is refused before anything is drained or written, with its nodes named
 * (domain/flows/rules.ts). Which flows production loads is decided elsewhere (bin/flow-tests/release.ts); here are the nodes that it does not have at all.
 */
import type { FlowProblem } from "../../domain/flows/rules.ts";
import { deployRefusal } from "../../domain/flows/rules.ts";
import type { StoredNode } from "./flow-files.ts";

/** Core node files that are not loaded in production: what of OUTSIDE (domain/flows/drawing.ts) they hold cannot run there, whatever a flow says. */
export const OFF_IN_PRODUCTION: readonly string[] = [
  "10-function.js",
  "90-exec.js",
  "10-file.js",
  "23-watch.js",
  "06-httpproxy.js",
  "21-httpin.js",
  "21-httprequest.js",
  "22-websocket.js",
  "31-tcpin.js",
  "32-udp.js",
  "10-mqtt.js",
  "05-tls.js",
];

type Storage = Readonly<Record<string, unknown>>;
type Save = (flows: readonly StoredNode[], user?: unknown) => Promise<unknown>;

/** The code of the refusal, which the editor knows. */
export const FLOWS_REFUSED = "flows_refused";

/**
 * The storage module behind the gate. `check` is undefined while the engine is not there yet, and where it checks nothing. A refusal is an error with a code
 * that Node-RED sends to the editor with its text.
 */
export function gated(storage: Storage, check: (flows: readonly StoredNode[]) => readonly FlowProblem[] | undefined): Storage {
  const save = storage.saveFlows as Save;
  const saveFlows: Save = async (flows, user) => {
    const refusal = deployRefusal(check(flows) ?? []);
    if (refusal !== undefined) throw Object.assign(new Error(refusal), { code: FLOWS_REFUSED });
    return save(flows, user);
  };
  return { ...storage, saveFlows };
}
