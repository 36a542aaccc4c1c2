/** `npx huiliu …`: the operators' commands, the mapping tools and the simulated hospital. */
import { DATA_DIR } from "./environment.ts";
import { run } from "./huiliu/program.ts";

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const given = process.env.HUILIU_DATA_DIR?.trim();
await run(process.argv.slice(2), given === undefined || given === "" ? DATA_DIR : given);
