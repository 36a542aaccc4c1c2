/**
 * `huiliu mapping new <vendor> --wsdl <file|url>`: an outbound document for every operation of a partner's WSDL, to be filled in. The `soap` package reads the WSDL; what is
 * sent later is mapping data like any other, and never depends on it.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface WsdlOutput {
  readonly text: string;
  readonly json: unknown;
  readonly ok: boolean;
}

/** Operations of one WSDL; more are named, and not written. */
const OPERATIONS_MAX = 200;
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

interface Operation {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: Readonly<Record<string, unknown>>;
}
/** As much of the parsed WSDL as is looked at. */
interface Parsed {
  describe(): Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, { readonly input?: unknown; readonly output?: unknown }>>>>>
  >;
  readonly wsdl: {
    readonly definitions: {
      readonly $targetNamespace?: string;
      readonly services: Readonly<
        Record<
          string,
          {
            readonly ports: Readonly<
              Record<
                string,
                {
                  readonly location?: string;
                  readonly binding?: {
                    readonly methods?: Readonly<Record<string, { readonly soapAction?: string; readonly style?: string }>>;
                  };
                }
              >
            >;
          }
        >
      >;
    };
  };
}

const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .toLowerCase()
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 32);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;

/** Leaves of a described message, by path. */
function leavesOf(described: unknown, path: string): readonly string[] {
  if (!isRecord(described)) return path === "" ? [] : [path];
  const members = Object.entries(described).filter(([name]) => name !== "targetNSAlias" && name !== "targetNamespace");
  return members.flatMap(([name, one]) => leavesOf(one, `${path}${path === "" ? "" : "/"}${name.replace(/\[\]$/, "")}`));
}

function documentOf(
  operation: Operation,
  at: { readonly namespace: string; readonly path: string; readonly action: string; readonly soap12: boolean },
): object {
  const { name, input, output } = operation;
  const envelope = at.soap12 ? "http://www.w3.org/2003/05/soap-envelope" : "http://schemas.xmlsoap.org/soap/envelope/";
  const result = leavesOf(output, "")[0] ?? `${name}Result`;
  const reply = `/Envelope/Body/${name}Response/${result}`;
  return {
    $schema: "../../../docs/schemas/mapping.json",
    version: 1,
    title: { zh: `${name}（待填）`, en: `${name} (to be filled)` },
    direction: "outbound",
    purpose: kebab(name),
    events: ["payment.settled"],
    request: {
      method: "POST",
      path: at.path,
      contentType: at.soap12 ? "application/soap+xml" : "text/xml",
      headers: at.soap12 ? {} : { SOAPAction: `"${at.action}"` },
    },
    codec: { kind: "xml", charset: "utf-8" },
    declaration: true,
    base: `/soap:Envelope/soap:Body/${name}`,
    amount: ["/data/total"],
    serial: ["/data/paymentNo"],
    fields: [
      { to: "/soap:Envelope/@xmlns:soap", value: envelope },
      { to: "@xmlns", value: at.namespace },
      ...leavesOf(input, "").map((to) => ({ to })), // without a source: `mapping check` lists each until it has one
    ],
    reply: {
      codec: { kind: "xml" },
      ack: {
        code: [reply],
        needs: [],
        acknowledged: ["?"],
        statuses: [200],
        faults: { at: [at.soap12 ? "/Envelope/Body/Fault/Reason/Text" : "/Envelope/Body/Fault/faultstring"], means: [] },
      },
    },
  };
}

async function parse(source: string): Promise<Parsed> {
  const { createClientAsync } = await import("soap");
  return (await createClientAsync(source, { disableCache: true })) as unknown as Parsed;
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Writes a first document for every operation. Never overwrites one. Rejects never: what is wrong is said. */
export async function newFromWsdl(root: string, vendor: string, source: string): Promise<WsdlOutput> {
  const no = (zh: string, en: string): WsdlOutput => ({ text: `✗ ${zh}\n  ${en}`, json: { error: en }, ok: false });
  if (!NAME.test(vendor)) return no("厂商名须为短横线小写，如 acme", "vendor is kebab-case, e.g. acme");
  let parsed: Parsed;
  try {
    parsed = await parse(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return no(`读不出 WSDL：${why}`, `the WSDL cannot be read: ${why}`);
  }
  const { definitions } = parsed.wsdl;
  const written: string[] = [];
  const there: string[] = [];
  let first: string | undefined;
  for (const [service, ports] of Object.entries(parsed.describe()))
    for (const [port, operations] of Object.entries(ports)) {
      first ??= port;
      if (port !== first) continue; // further ports are the same operations by another SOAP version
      const declared = definitions.services[service]?.ports[port];
      const location = declared?.location ?? "";
      const path = URL.canParse(location) ? new URL(location).pathname : "/";
      for (const [name, described] of Object.entries(operations).slice(0, OPERATIONS_MAX)) {
        const folder = join(root, "mappings", vendor, kebab(name));
        const file = join(folder, "mapping.json");
        if (existsSync(file)) {
          there.push(file);
          continue;
        }
        const input = isRecord(described.input) ? described.input : {};
        const output = isRecord(described.output) ? described.output : {};
        const document = documentOf(
          { name, input, output },
          {
            namespace: definitions.$targetNamespace ?? "",
            path,
            action: declared?.binding?.methods?.[name]?.soapAction ?? "",
            soap12: /soap12/i.test(port),
          },
        );
        await mkdir(join(folder, "examples"), { recursive: true });
        await writeFile(file, pretty(document));
        written.push(file);
      }
    }
  if (written.length + there.length === 0) return no("WSDL 中没有操作", "the WSDL has no operation");
  const vendorFile = join(root, "mappings", vendor, "vendor.json");
  if (!existsSync(vendorFile)) {
    await writeFile(vendorFile, pretty(vendorDocument(vendor)));
    written.unshift(vendorFile);
  }
  const lines = [
    ...written.map((one) => `  + ${one}`),
    ...there.map((one) => `  = ${one}（已有，未改 · there already, not changed）`),
    `  每个参数填上来源（from、value、constant…；参数里装 XML 串时用 codec.inner），写出应答代码的位置与含义，再运行 huiliu mapping check ${vendor}/<报文>`,
    "  give every parameter a source (codec.inner where it holds XML as a string), say where the result code lives and what it means, then run huiliu mapping check",
  ];
  return { text: lines.join("\n"), json: { written, there }, ok: true };
}

const vendorDocument = (vendor: string): object => ({
  $schema: "../../docs/schemas/vendor.json",
  name: { zh: vendor, en: vendor },
  charset: "utf-8",
  exchanges: [],
  constants: { institution: { zh: "院方机构编码", en: "Code of the institution" } },
});
