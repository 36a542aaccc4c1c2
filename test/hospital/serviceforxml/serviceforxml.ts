/**
 * The simulated app of patients: it calls `GET …/ServiceForXml.asmx/<operation>?xmltxt=` as such clients do, again and again until it hears an answer, and only believes Code 0.
 * Each function has its own unit, as the only public client has it: yuan for recipes and appointments, fen for deposits.
 */
import { createListener } from "../listener.ts";
import { maybeTextOf, type Order, textOf } from "../fields.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import { yuanOf } from "./yuan.ts";

const TRIES = 20;
const RETRY_MS = 500;
const TIMEOUT_MS = 5_000;

const OPERATIONS: Readonly<
  Record<string, { readonly root: string; readonly no: string; readonly fee: string; readonly unit: "yuan" | "fen" }>
> = {
  PayForRecipes: { root: "PayForRecipesRequest", no: "RegNo", fee: "TotalFee", unit: "yuan" },
  PayForAppointment: { root: "RegPaymentRequest", no: "RegNo", fee: "Fee", unit: "yuan" },
  InpatientFeePrepay: { root: "InpatientFeePrepayRequest", no: "InpatientSeriNo", fee: "TotalFee", unit: "fen" },
};

export async function startServiceForXml(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const counters = { sent: 0, taken: 0, refused: 0 };
  const listener = await createListener(options.port, premises.faults, (_request, response) => response.writeHead(404).end());
  const control = await premises.open({
    counters: () => counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(premises, counters, order),
  });
  return {
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

const element = (name: string, value: string): string => `<${name}>${value.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</${name}>`;

/** `{"operation","no","fen","serial","transaction","at", "recipes"?}` of one payment. */
function xmlOf(order: Order): {
  readonly operation: string;
  readonly xml: string;
  readonly serial: string;
  readonly fen: string;
  readonly no: string;
} {
  const operation = textOf(order, "operation");
  const shape = OPERATIONS[operation];
  if (shape === undefined) throw new OrderRefused(`operation is one of ${Object.keys(OPERATIONS).join(", ")}`);
  const [no, fen, serial] = [textOf(order, "no"), textOf(order, "fen"), textOf(order, "serial")];
  const recipes = maybeTextOf(order, "recipes");
  const xml = [
    element("HospId", "1001"),
    element("AppId", "TESTAPP"),
    ...(operation === "PayForRecipes" ? [element("RecipeNos", recipes ?? `RX${serial}`)] : []),
    element(shape.no, no),
    element(shape.fee, shape.unit === "yuan" ? yuanOf(fen) : fen),
    element("PaymentWay", maybeTextOf(order, "way") ?? "12"),
    element("SettleDate", textOf(order, "at")),
    element("TermialType", "4"),
    element("TradeSerialNumber", serial),
    `<ExtParams><ExtItem>${element("Key", "transaction_id")}${element("Value", textOf(order, "transaction"))}</ExtItem></ExtParams>`,
  ].join("");
  return { operation, xml: `<${shape.root}>${xml}</${shape.root}>`, serial, fen, no };
}

async function send(premises: Premises, counters: Record<"sent" | "taken" | "refused", number>, order: Order): Promise<unknown> {
  const { operation, xml, serial, fen, no } = xmlOf(order);
  const { name } = premises;
  const plan = premises.faults.plan({ scope: "write-back", bill: no, kind: operation });
  counters.sent += 1;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const at = premises.engine();
    const key = at?.partners?.[name]?.key;
    if (at?.gateway === undefined || key === undefined) throw new OrderRefused(`${name} was not told the engine's gateway and its key`);
    const url = `${at.gateway}/partners/${name}/soap/${operation}?xmltxt=${encodeURIComponent(xml)}`;
    const text = await fetch(url, { headers: { "x-api-key": key }, signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
      (answer) => answer.text(),
      () => "",
    );
    const unheard = plan["drop-reply"] !== undefined && tries === 0;
    const code = unheard ? undefined : /&lt;Code&gt;([^&]*)&lt;\/Code&gt;/.exec(text)?.[1];
    const line = { key: serial, kind: operation, order: no, amount: fen, raw: xml, serial, sent: true };
    await premises.record({ ...line, effect: code === "0", answer: code ?? "none" });
    if (code === "0") {
      counters.taken += 1;
      return { code, tries: tries + 1 };
    }
    if (code !== undefined && code !== "99") {
      counters.refused += 1;
      return { code, tries: tries + 1, text };
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new OrderRefused(`${operation} ${serial} was not taken`);
}
