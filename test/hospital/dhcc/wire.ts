/** The wire of a 东华 HIS (reference/domain.md 3.3): one XML text in, one XML text out, inside a SOAP body; amounts in yuan; ResultCode 0 is success. */
import { element, readXml, type XmlElement } from "../xml.ts";

export const PATH = "/DHCDoc.Interface.Outside.cls";
export const CONTENT_TYPE = "text/xml; charset=utf-8";
const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const DHCC = "http://www.dhcc.com.cn";

export interface Asked {
  readonly code: string;
  /** Members of the request by name; what stands below PayDetails as `PayDetails/<name>`. */
  readonly members: ReadonlyMap<string, string>;
}

const child = (of: XmlElement | undefined, name: string): XmlElement | undefined => of?.children.find((one) => one.name === name);

function membersOf(root: XmlElement, prefix = ""): [string, string][] {
  return root.children.flatMap((one): [string, string][] =>
    one.children.length > 0 ? membersOf(one, `${prefix}${one.name}/`) : [[`${prefix}${one.name}`, one.text]],
  );
}

/** The request inside the envelope, or what is wrong with it. */
export function askedOf(envelope: string): Asked | string {
  const outer = readXml(envelope, true);
  if (!outer.ok) return outer.problem;
  if (outer.root.name !== "Envelope" || outer.root.uri !== SOAP) return "no SOAP envelope";
  const input = child(child(child(outer.root, "Body"), "ZZJCommonPay"), "Input");
  if (input === undefined) return "no ZZJCommonPay with its Input";
  const inner = readXml(input.text, false);
  if (!inner.ok) return inner.problem;
  const members = new Map(membersOf(inner.root));
  const code = members.get("TradeCode");
  return inner.root.name === "Request" && code !== undefined ? { code, members } : "no Request with its TradeCode";
}

/** `<Response>` as the HIS says it. */
export const responseOf = (code: string, words: string): string =>
  `<Response>${element("ResultCode", code)}${element("ResultMsg", words)}</Response>`;

export const envelopeOf = (inner: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${SOAP}"><soap:Body><ZZJCommonPayResponse xmlns="${DHCC}">${element("ZZJCommonPayResult", inner)}</ZZJCommonPayResponse></soap:Body></soap:Envelope>`;

export const faultOf = (words: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${SOAP}"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode>${element("faultstring", words)}</soap:Fault></soap:Body></soap:Envelope>`;

/** `<Request>` of a client of the HIS's own. */
export const requestOf = (members: Readonly<Record<string, string>>, details?: Readonly<Record<string, string>>): string => {
  const all = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .map(([name, value]) => element(name, value))
      .join("");
  return `<Request>${all(members)}${details === undefined ? "" : `<PayDetails>${all(details)}</PayDetails>`}</Request>`;
};
