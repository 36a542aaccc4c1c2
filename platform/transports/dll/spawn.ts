/** The child as a real process (child.ts). */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromChild } from "./child.ts";
import type { Child } from "./session.ts";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

/** Starts one. What the library prints goes to our standard error. */
export function spawnChild(): Child {
  const child = fork(CHILD, [], { serialization: "advanced", stdio: ["ignore", 2, 2, "ipc"] });
  let gone: string | undefined;
  const exits: ((how: string) => void)[] = [];
  const over = (how: string): void => {
    if (gone !== undefined) return;
    gone = how;
    for (const tell of exits) tell(how);
  };
  child.once("exit", (code, signal) => over(signal ?? `exit code ${code}`));
  child.once("error", (error) => over(error.message));
  return {
    send: (message) => {
      child.send(message, (error) => {
        if (error) over(`it cannot be told anything: ${error.message}`);
      });
    },
    onMessage: (listener) => {
      child.on("message", (message) => listener(message as FromChild));
    },
    onExit: (listener) => {
      if (gone === undefined) exits.push(listener);
      else listener(gone);
    },
    kill: () => {
      child.kill("SIGKILL");
    },
  };
}
