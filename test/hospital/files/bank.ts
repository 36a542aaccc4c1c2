/**
 * The simulated bank: an SFTP server with `/in` (what the hospital puts there) and `/out` (return files of refund batches, each with a marker `<name>.ok`).
 * The wire is mappings/bank/README.md.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import iconv from "iconv-lite";
import { fenOf, listOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { yuanOfFen } from "../money.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import { type SftpServer, startSftpServer, type Strike } from "./sftp-server.ts";
import { writeWhole } from "../whole-file.ts";

const USER = "huiliu";
const BATCH_HEAD = "批次号,业务流水,商户号,总笔数,总金额,备注";
const ROW_HEAD = "序号,原订单号,退款单号,收款账号,户名,金额,摘要,结果码,结果描述,交易流水";
/** How long a return file may lie in /out before it counts as not taken. */
const TAKEN_MS = 60_000;
const LOOK_MS = 50;

/** Starts a bank. Its order: `refund-return`. */
export async function startBank(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const root = join(options.dataDir, `${options.name}.files`);
  for (const folder of ["in", "out", join("out", "done")]) mkdirSync(join(root, folder), { recursive: true });
  const password = passwordAt(join(options.dataDir, `${options.name}.password`));
  const counters = { operations: 0, put: 0, returned: 0 };
  const server = await startSftpServer({
    root,
    port: options.doorPorts?.sftp ?? 0,
    user: USER,
    password,
    keyFile: join(options.dataDir, `${options.name}.hostkey`),
    strike: (operation, path) => {
      counters.operations += 1;
      return strikeOf(premises, operation, path);
    },
    stood: async (path, bytes) => {
      if (!path.startsWith("/in/")) return;
      counters.put += 1;
      const raw = bytes.toString("base64");
      await premises.record({
        key: path,
        kind: "put",
        order: null,
        amount: null,
        effect: true,
        answer: "stored",
        raw,
        rawEncoding: "base64",
      });
    },
  });
  const control = await premises.open({
    counters: () => counters,
    changed: () => apply(premises, server),
    listening: () => premises.faults.refusing() === null,
    send: (order) => send(premises, root, counters, order),
  });
  return {
    sftp: `sftp://${USER}@127.0.0.1:${server.port}`,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { filesPassword: password, filesHostKey: server.fingerprint },
    async close() {
      await server.close();
      await premises.close();
    },
  };
}

function passwordAt(file: string): string {
  if (!existsSync(file)) writeWhole(file, randomBytes(18).toString("base64url"));
  return readFileSync(file, "utf8");
}

/** `refuse`: nobody listens, sessions are cut; for so long as the fault lasts. */
async function apply(premises: Premises, server: SftpServer): Promise<void> {
  const refusing = premises.faults.refusing();
  if (refusing === null) return server.reopen();
  await server.shut();
  if (refusing.ms !== undefined) premises.timers.after(refusing.ms, () => void apply(premises, server));
}

/** Faults of the table in README.md, as a file server has them. */
async function strikeOf({ faults, timers }: Premises, operation: string, path: string): Promise<Strike> {
  if (operation === "stat" || operation === "close") return null;
  const plan = faults.plan({ scope: "write-back", bill: path, kind: operation });
  if (plan.slow !== undefined) await timers.wait(plan.slow.ms ?? 0);
  if (plan.hang !== undefined) return "hang";
  if (plan["503"] !== undefined || plan.reject !== undefined) return "refuse";
  if (plan["drop-reply"] !== undefined) return "cut-after";
  return plan.garble !== undefined && operation === "read" ? "half" : null;
}

interface Row {
  readonly order: string;
  readonly refund: string;
  readonly account: string;
  readonly name: string;
  readonly fen: bigint;
  readonly code: string;
  readonly text: string;
  readonly no: string;
}

const rowOf = (order: Order): Row => ({
  order: textOf(order, "order"),
  refund: textOf(order, "refund"),
  account: textOf(order, "account"),
  name: maybeTextOf(order, "name") ?? "测试患者甲",
  fen: fenOf(order, "fen"),
  code: maybeTextOf(order, "code") ?? "0000",
  text: maybeTextOf(order, "text") ?? "成功",
  no: maybeTextOf(order, "no") ?? "",
});

/** The file as GBK bytes. */
function returnFile(batch: string, rows: readonly Row[]): Buffer {
  const total = rows.reduce((sum, { fen }) => sum + fen, 0n);
  const lines = [
    BATCH_HEAD,
    [batch, `SN${batch.slice(1)}`, "1900000001", String(rows.length), yuanOfFen(total), "退款回盘"].join(","),
    ROW_HEAD,
    ...rows.map((row, index) =>
      [index + 1, row.order, row.refund, row.account, row.name, yuanOfFen(row.fen), "退款", row.code, row.text, row.no].join(","),
    ),
  ];
  return iconv.encode(`${lines.join("\r\n")}\r\n`, "gbk");
}

/** `{"message":"refund-return","batch":"B20261121001","rows":[{order, refund, account, name?, fen, code?, text?, no?}],"gzip"?:"yes"}`: answered once the hospital has taken it. */
async function send(premises: Premises, root: string, counters: { returned: number }, order: Order): Promise<unknown> {
  if (textOf(order, "message") !== "refund-return") throw new OrderRefused("message is refund-return");
  const batch = textOf(order, "batch");
  if (!/^B\d{11,14}$/.test(batch)) throw new OrderRefused("batch is B, the day and a number");
  const rows = listOf(order, "rows").map(rowOf);
  const plain = returnFile(batch, rows);
  const zipped = maybeTextOf(order, "gzip") === "yes";
  const name = `RF${batch.slice(1)}.csv${zipped ? ".gz" : ""}`;
  const bytes = zipped ? gzipSync(plain) : plain;
  const file = join(root, "out", name);
  writeFileSync(`${file}.tmp`, bytes);
  renameSync(`${file}.tmp`, file);
  writeFileSync(`${file}.ok`, "");
  let taken = false;
  for (const since = performance.now(); !taken && performance.now() - since < TAKEN_MS; taken = !existsSync(file))
    await premises.timers.wait(LOOK_MS);
  counters.returned += 1;
  const amount = rows.reduce((sum, { fen }) => sum + fen, 0n).toString();
  const raw = bytes.toString("base64");
  const line = { key: name, kind: "refund-return", order: batch, amount, raw, rawEncoding: "base64" as const, sent: true as const };
  await premises.record({ ...line, effect: taken, answer: taken ? "taken" : "none" });
  return { sent: name, taken };
}
