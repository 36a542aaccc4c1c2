import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { wsdlOf } from "../platform/transports/soap/wsdl.ts";
import { checkMappings } from "./mapping.ts";
import { newFromWsdl } from "./mapping-wsdl.ts";

const root = await mkdtemp(join(tmpdir(), "huiliu-wsdl-"));
after(() => rm(root, { recursive: true, force: true }));
const file = join(root, "his.wsdl");

test("S0-25 a partner's WSDL becomes an outbound document for every operation, and each parameter asks for its source", async () => {
  const operations = [
    { name: "PayForRecipes", parameter: "xmltxt", message: "x" },
    { name: "queryState", parameter: "input", also: ["code"], message: "y" },
  ];
  await writeFile(
    file,
    wsdlOf({ namespace: "http://tempuri.org/", service: "ServiceForXml", operations }, "http://his/ServiceForXml.asmx"),
  );
  const made = await newFromWsdl(root, "acme", file);
  assert.ok(made.ok, made.text);
  assert.deepEqual((await readdir(join(root, "mappings", "acme"))).sort(), ["pay-for-recipes", "query-state", "vendor.json"]);
  const document = JSON.parse(await readFile(join(root, "mappings", "acme", "query-state", "mapping.json"), "utf8"));
  assert.equal(document.request.path, "/ServiceForXml.asmx");
  assert.equal(document.request.headers.SOAPAction, '"http://tempuri.org/queryState"');
  assert.deepEqual(document.fields.slice(2), [{ to: "input" }, { to: "code" }]);
  assert.deepEqual(document.reply.ack.code, ["/Envelope/Body/queryStateResponse/queryStateResult"]);
  const checked = await checkMappings(root, [], false);
  assert.equal(checked.exitCode, 2);
  assert.match(checked.text, /query-state\/mapping\.json \/fields\/3/);
  const again = await newFromWsdl(root, "acme", file);
  assert.match(again.text, /已有，未改/);
});

test("what is no WSDL is said, and nothing is written", async () => {
  await writeFile(file, "<html/>");
  for (const source of [file, join(root, "nowhere.wsdl"), "http://127.0.0.1:1/x?wsdl"])
    assert.equal((await newFromWsdl(root, "other", source)).ok, false, source);
  assert.equal((await newFromWsdl(root, "Not Kebab", file)).ok, false);
  assert.deepEqual(await readdir(join(root, "mappings")), ["acme"]);
});
