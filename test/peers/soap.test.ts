/** "What must show" 1 by SOAP: python3-zeep and PHP's SoapClient read our WSDL and send real messages. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { destination, type Huiliu, QUICK, ROOT, startHuiliu, until } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

const PAYMENT = readFileSync(join(ROOT, "mappings/his/payment/examples/wechat/in.xml"), "utf8");

interface Told {
  readonly result?: string;
  readonly fault?: string;
  readonly message?: string;
  readonly detail?: string;
}
type Version = "soap11" | "soap12";

interface Peer {
  readonly name: string;
  readonly version: Version;
  call(url: string, key: string, kind: string, body: string): Promise<Told>;
}

const told = async (command: string, args: readonly string[], body: string): Promise<Told> => {
  const done = await run(command, args, { input: Buffer.from(body) });
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "") as Told;
};
const zeep = (version: Version, proof: "basic" | "token" | "digest"): Peer => ({
  name: `python3-zeep ${version} ${proof}`,
  version,
  call: (url, key, kind, body) =>
    told("/usr/bin/python3", [join(import.meta.dirname, "soap-client.py"), url, "his", key, version, proof, kind], body),
});
const php = (version: Version): Peer => ({
  name: `php SoapClient ${version}`,
  version,
  call: (url, key, kind, body) => told("php", [join(import.meta.dirname, "soap-client.php"), url, "his", key, version, kind], body),
});
const PEERS: readonly Peer[] = [zeep("soap11", "basic"), zeep("soap12", "token"), zeep("soap12", "digest"), php("soap11"), php("soap12")];

describe("SOAP clients that nobody here wrote", { concurrency: false }, () => {
  let huiliu: Huiliu;
  before(async () => {
    await needPeers(["python3-zeep", "php-cli", "php-soap"]);
    huiliu = await startHuiliu("peer-soap", {
      profiles: {
        his: (profile) => ({
          ...destination(QUICK)(profile),
          inbound: {
            ...profile.inbound,
            doors: {
              soap: {
                namespace: "http://his.test/",
                service: "HisPush",
                operations: [{ name: "Push", parameter: "xml", also: ["kind"], message: "{kind}" }],
              },
            },
          },
        }),
      },
    });
  });
  after(() => huiliu?.stop());
  const at = (): { url: string; key: string } => {
    const { gateway, partners } = huiliu.run();
    return { url: `${gateway}/partners/his/soap?wsdl`, key: partners.his?.key ?? "" };
  };

  for (const [index, peer] of PEERS.entries())
    test(`C-1 C-5 S0-26 ${peer.name}: a payment with Chinese and markup arrives whole and is answered in the vendor's words`, async () => {
      const { url, key } = at();
      const no = `ZF20261120009${index}`;
      const body = PAYMENT.replaceAll("ZF2026112000001", no)
        .replaceAll("HISMSG2026112000003", `M-${no}`)
        .replaceAll(/<MessageId>[^<]*</g, `<MessageId>M-${no}<`)
        .replaceAll("DJ2026112000001", `DJ-${no}`);
      const { result } = await peer.call(url, key, "payment", body);
      assert.match(result ?? "", /^<Answer><Code>0<\/Code><Text>已接收<\/Text>/, peer.name);
      const rows = await until("it is an event", async () => {
        const found = await huiliu.sql(
          "select m.headers, m.door, coalesce(m.raw_bytes, octet_length(m.raw)) bytes from event e join message m on m.id = e.message_id where e.type = 'payment.settled' and e.subject = $1",
          [`bill:DJ-${no}`],
        );
        return found.length > 0 && found;
      });
      assert.equal(Number(rows[0]?.bytes), Buffer.byteLength(body.trim()), "every byte of it");
      assert.equal(rows[0]?.door, "soap");
      assert.equal((rows[0]?.headers as Record<string, string> | undefined)?.["soap-version"], peer.version === "soap12" ? "1.2" : "1.1");
      // Sent again it is the same fact: journaled, and no second event.
      assert.match((await peer.call(url, key, "payment", body)).result ?? "", /<Code>0<\/Code>/);
      await until(
        "the second is settled",
        async () => (await huiliu.sql("select 1 from message where state in ('received', 'working')")).length === 0,
      );
      assert.equal(
        (await huiliu.sql("select 1 from event where type = 'payment.settled' and subject = $1", [`bill:DJ-${no}`])).length,
        1,
        "no second event",
      );
    });

  for (const peer of PEERS)
    test(`${peer.name}: a fault it understands for a kind that nobody knows or a wrong key`, async () => {
      const { url, key } = at();
      const unknown = await peer.call(url, key, "unheard-of", "<a/>");
      assert.match(`${unknown.result ?? ""}`, /<Code>UNKNOWN_MESSAGE<\/Code>/, JSON.stringify(unknown));
      const wrong = await peer.call(url, "wrong", "payment", "<a/>").catch((error: unknown) => ({ message: String(error) }) as Told);
      assert.match(`${wrong.message} ${wrong.detail}`, /UNAUTHORIZED|401|[Uu]nauthorized/, JSON.stringify(wrong));
    });
});
