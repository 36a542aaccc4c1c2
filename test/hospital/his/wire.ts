/**
 * The HIS's wire: what a write-back or an inquiry looks like in XML, SOAP and JSON, and what is answered (mappings/his/README.md).
 * Written from that page alone, so that it checks the engine's reading of it.
 */
import { fenOfText, fenOfYuan, yuanOfFen } from "../money.ts";
import { element, escapeXml, readXml, type XmlElement } from "../xml.ts";

export type Spelling = "xml" | "soap" | "json";
export const KINDS = ["insurance-result", "payment-confirm", "refund-confirm"] as const;
/** Write-backs that tell of something and carry no money; what they are about is an accession number, or a bill. */
const NOTICES: readonly string[] = ["exam-performed", "insurance-refused", "insurance-answer"];
const SOAP_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/";
const HIS_NAMESPACE = "http://his.test/";

/** What the HIS is asked to do or to tell. Amounts are fen as decimal strings. */
export interface Ask {
  readonly type: "write-back" | "inquiry";
  readonly kind: string;
  readonly key: string;
  readonly bill: string | null;
  readonly visit: string | null;
  readonly amount: string | null;
  readonly serial: string | null;
  readonly action: string | null;
}

export type AskResult = { readonly ok: true; readonly ask: Ask } | { readonly ok: false; readonly problem: string };

export interface Answer {
  readonly code: string;
  readonly text: string;
  readonly key?: string;
  readonly receiptNo?: string;
  readonly amount?: string;
  readonly serial?: string;
}

const FIELDS = [
  "BillNo",
  "VisitNo",
  "PatientNo",
  "Serial",
  "Amount",
  "BillTotal",
  "Channel",
  "TransactionNo",
  "At",
  "Action",
  "Fund",
  "Account",
  "Cash",
  "SettledAt",
  "OriginalSerial",
  "PaymentNo",
  "AccessionNo",
  "OrderNo",
  "Modality",
  "Transaction",
  "Code",
  "Text",
  "StartedAt",
  "RequestNo",
  "Accepted",
  "Output",
];
const MONEY = new Set(["Amount", "BillTotal", "Fund", "Account", "Cash"]);
const TIMES = new Set(["At", "SettledAt", "StartedAt"]);
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const no = (problem: string): AskResult => ({ ok: false, problem });

/** Reads one request; the problem is what the HIS's own operator would be told. */
export function readAsk(spelling: Spelling, text: string): AskResult {
  if (spelling === "json") return readJson(text);
  const document = readXml(text, spelling === "soap");
  if (!document.ok) return no(`malformed XML: ${document.problem}`);
  return spelling === "xml" ? readElement(document.root) : readSoap(document.root);
}

function readSoap(envelope: XmlElement): AskResult {
  if (envelope.name !== "Envelope" || envelope.uri !== SOAP_NAMESPACE) return no("no SOAP 1.1 envelope");
  const body = envelope.children.find((child) => child.name === "Body" && child.uri === SOAP_NAMESPACE);
  const call = body?.children[0];
  if (call === undefined || call.uri !== HIS_NAMESPACE || (call.name !== "WriteBack" && call.name !== "Inquiry"))
    return no("unknown operation");
  const inner = call.children.find((child) => child.name === "xml");
  if (inner === undefined || inner.children.length > 0) return no("the operation needs one xml argument, escaped");
  const document = readXml(inner.text, false);
  if (!document.ok) return no(`malformed inner XML: ${document.problem}`);
  return document.root.name === call.name ? readElement(document.root) : no(`${call.name} carries <${document.root.name}>`);
}

function readElement(root: XmlElement): AskResult {
  const key = root.attributes.get("key");
  if (root.name === "Inquiry") return readFields("inquiry", key, new Map());
  if (root.name !== "WriteBack") return no(`unknown element ${root.name}`);
  const fields = new Map<string, string>();
  for (const child of root.children) {
    if (!FIELDS.includes(child.name)) return no(`unknown element ${child.name}`);
    if (fields.has(child.name)) return no(`${child.name} twice`);
    if (child.children.length > 0) return no(`${child.name} must hold text only`);
    fields.set(child.name, child.text);
  }
  if (root.text.trim() !== "") return no("text between elements");
  return readFields(root.attributes.get("kind"), key, fields, fenOfYuan);
}

function readJson(text: string): AskResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return no(`malformed JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return no("no JSON object");
  const known = new Map(FIELDS.map((name) => [jsonName(name), name]));
  const fields = new Map<string, string>();
  let kind: string | undefined;
  let key: string | undefined;
  for (const [name, field] of Object.entries(value)) {
    if (typeof field !== "string") return no(`${name} must be a string`);
    const element = known.get(name);
    if (name === "kind") kind = field;
    else if (name === "key") key = field;
    else if (element === undefined) return no(`unknown field ${name}`);
    else fields.set(element, field);
  }
  return readFields(kind, key, fields, fenOfText);
}

function jsonName(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}${MONEY.has(name) ? "Fen" : ""}`;
}

function readFields(
  kind: string | undefined,
  key: string | undefined,
  fields: Map<string, string>,
  fenOf: (text: string) => bigint | null = fenOfText,
): AskResult {
  if (key === undefined || key === "") return no("key is missing");
  if (kind === "inquiry")
    return { ok: true, ask: { type: "inquiry", kind, key, bill: null, visit: null, amount: null, serial: null, action: null } };
  if (kind === undefined || !([...KINDS, ...NOTICES] as readonly string[]).includes(kind)) return no(`unknown kind ${kind ?? "(none)"}`);
  const fen = new Map<string, bigint>();
  for (const [name, text] of fields) {
    if (text === "") return no(`${name} is empty: leave it out instead`);
    if (TIMES.has(name) && !TIME.test(text)) return no(`${name} is no time yyyy-MM-dd HH:mm:ss: ${text}`);
    if (!MONEY.has(name)) continue;
    const amount = fenOf(text);
    if (amount === null) return no(`${name} is no amount: ${text}`);
    fen.set(name, amount);
  }
  if (NOTICES.includes(kind)) return noticed(kind, key, fields);
  const amount = fen.get("Amount");
  if (amount === undefined) return no("Amount is missing");
  const bill = fields.get("BillNo") ?? null;
  const visit = fields.get("VisitNo") ?? null;
  if (bill === null && visit === null) return no("neither bill nor visit is named");
  const serial = fields.get("Serial");
  if (serial === undefined) return no("Serial is missing");
  const action = fields.get("Action") ?? null;
  if (kind === "insurance-result" && action !== "settle" && action !== "reverse") return no("Action must be settle or reverse");
  if (kind === "insurance-result" && fen.has("Fund")) {
    const parts = (fen.get("Fund") ?? 0n) + (fen.get("Account") ?? 0n) + (fen.get("Cash") ?? 0n);
    if (parts > amount) return no(`parts ${yuanOfFen(parts)} exceed the amount ${yuanOfFen(amount)}`);
  }
  return { ok: true, ask: { type: "write-back", kind, key, bill, visit, amount: amount.toString(), serial, action } };
}

function noticed(kind: string, key: string, fields: ReadonlyMap<string, string>): AskResult {
  const serial = fields.get("Serial");
  if (serial === undefined) return no("Serial is missing");
  if (!fields.has("At")) return no("At is missing");
  const [bill, visit] = [fields.get("AccessionNo") ?? fields.get("BillNo") ?? null, fields.get("VisitNo") ?? null];
  return { ok: true, ask: { type: "write-back", kind, key, bill, visit, amount: null, serial, action: null } };
}

/** The answer's text in the spelling asked. `repeatFields` writes every field twice, as a HIS in confusion does. */
export function writeAnswer(spelling: Spelling, type: Ask["type"], answer: Answer, charset: string, repeatFields: boolean): string {
  if (spelling === "json") return jsonAnswer(answer, repeatFields);
  const fields =
    element("Code", answer.code) +
    element("Text", answer.text) +
    element("Key", answer.key) +
    element("ReceiptNo", answer.receiptNo) +
    element("Amount", answer.amount === undefined ? undefined : yuanOfFen(BigInt(answer.amount))) +
    element("Serial", answer.serial);
  const inner = `<Answer>${repeatFields ? fields + fields : fields}</Answer>`;
  const declaration = `<?xml version="1.0" encoding="${charset}"?>`;
  if (spelling === "xml") return declaration + inner;
  const name = type === "inquiry" ? "Inquiry" : "WriteBack";
  const result = `<${name}Response xmlns="${HIS_NAMESPACE}"><${name}Result>${escapeXml(inner)}</${name}Result></${name}Response>`;
  return `${declaration}<soap:Envelope xmlns:soap="${SOAP_NAMESPACE}"><soap:Body>${result}</soap:Body></soap:Envelope>`;
}

function jsonAnswer(answer: Answer, repeatFields: boolean): string {
  const { amount, ...rest } = answer;
  const fields = JSON.stringify({ ...rest, ...(amount === undefined ? {} : { amountFen: amount }) }).slice(1, -1);
  return `{${repeatFields ? `${fields},${fields}` : fields}}`;
}

/** A SOAP 1.1 fault, for requests that never reached the operation. */
export function writeSoapFault(text: string, charset: string): string {
  const fault = `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>${escapeXml(text)}</faultstring></soap:Fault>`;
  return `<?xml version="1.0" encoding="${charset}"?><soap:Envelope xmlns:soap="${SOAP_NAMESPACE}"><soap:Body>${fault}</soap:Body></soap:Envelope>`;
}
