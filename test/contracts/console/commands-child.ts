/** Runs command lines one after the other as `npx huiliu` does, in one process: what each said and how it ended goes to the parent. argv: data folder, job as JSON. */
import { run } from "../../../bin/huiliu/program.ts";

const [dataDir = "", job = "[]"] = process.argv.slice(2);
const { stdout, stderr } = process;
const [out, err] = [stdout.write, stderr.write];

for (const argv of JSON.parse(job) as readonly (readonly string[])[]) {
  let [said, complained] = ["", ""];
  stdout.write = ((text: unknown) => {
    said += String(text);
    return true;
  }) as typeof out;
  stderr.write = ((text: unknown) => {
    complained += String(text);
    return true;
  }) as typeof err;
  process.exitCode = 0;
  await run(argv, dataDir);
  stdout.write = out;
  stderr.write = err;
  process.send?.({ argv, out: said, err: complained, code: Number(process.exitCode) });
}
process.exitCode = 0;
process.disconnect?.();
