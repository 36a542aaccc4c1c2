/** Puts one file and dies at the point that it is told: the process under the hands of file-courier.test.ts. */
import { createFileCourier } from "../../platform/transports/files/courier.ts";
import { openStore } from "../../platform/transports/files/open.ts";
import { onFailpoint } from "../../domain/failpoint.ts";

const [folder = "", point = "", attempt = "1"] = process.argv.slice(2);
onFailpoint((name) => {
  if (name === point) process.kill(process.pid, "SIGKILL");
});
const courier = createFileCourier({ open: openStore, accountOf: () => ({}) });
const result = await courier.call({
  url: `file://${folder}/{key}.json`,
  method: "PUT",
  headers: {},
  body: new TextEncoder().encode('{"refund":"R1","fen":"100"}'),
  connectTimeoutMs: 1_000,
  replyTimeoutMs: 5_000,
  replyBytesMax: 1_000,
  about: { destination: "bank", mapping: "bank/refund", key: "K1", attempt: Number(attempt) },
});
process.stdout.write(result.kind === "reply" ? new TextDecoder().decode(result.body) : JSON.stringify(result));
await courier.close();
