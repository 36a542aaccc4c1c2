/** Every fault that is run, in the order in which a run takes them. A new family is one file and one line here. */
import { KILLS } from "./families/kills.ts";
import { MACHINE } from "./families/machine.ts";
import { MESSAGES } from "./families/messages.ts";
import { PAIRS } from "./families/pairs.ts";
import { SERVERS } from "./families/servers.ts";
import { WIRES } from "./families/wires.ts";
import { WORKERS_ASLEEP } from "./families/workers.ts";
import type { Fault } from "./registry.ts";

export const FAULTS: readonly Fault[] = [...KILLS, ...SERVERS, ...MESSAGES, ...WIRES, ...MACHINE, ...WORKERS_ASLEEP, ...PAIRS];
