import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { grantedBy } from "./oidc.ts";
import { readAccessSettings } from "./settings.ts";

const OIDC = {
  HUILIU_OIDC_ISSUER: "https://sso.hospital.example",
  HUILIU_OIDC_CLIENT_ID: "huiliu",
  HUILIU_OIDC_SECRET_FILE: "/etc/huiliu/oidc",
  HUILIU_OIDC_ROLES: '{"it-night": {"roles": ["operator"]}, "cash": {"roles": ["finance", "viewer"], "partners": ["his"]}}',
};

describe("sign-in's settings", () => {
  test("staff numbers and the rest of accounts are said by name, and refused by name", () => {
    const read = (env: Readonly<Record<string, string>>) => readAccessSettings(env);
    assert.equal(read({ HUILIU_STAFF_NUMBERS: "required" }).settings.staffNumbers, "required");
    assert.equal(read({ HUILIU_ACCOUNT_REST_HOURS: "72" }).settings.restHours, 72);
    for (const [name, value] of [
      ["HUILIU_STAFF_NUMBERS", "yes"],
      ["HUILIU_ACCOUNT_REST_HOURS", "0"],
      ["HUILIU_ACCOUNT_REST_HOURS", "721"],
      ["HUILIU_ACCOUNT_REST_HOURS", "a day"],
    ] as const)
      assert.match(read({ [name]: value }).problems.join(), new RegExp(name), value);
  });
  test("nothing set: loopback and local accounts alone", () =>
    assert.deepEqual(readAccessSettings({ HUILIU_CONSOLE_HOSTS: " " }), { problems: [], settings: { hosts: [] } }));

  test("all set", () => {
    const { settings, problems } = readAccessSettings({
      ...OIDC,
      HUILIU_CONSOLE_HOSTS: "console.hospital.example, 10.1.2.3",
      HUILIU_CONSOLE_HOST: "0.0.0.0",
      HUILIU_CONSOLE_TLS_CERT: "/c",
      HUILIU_CONSOLE_TLS_KEY: "/k",
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(settings.hosts, ["console.hospital.example", "10.1.2.3"]);
    assert.deepEqual(settings.secure, { host: "0.0.0.0", port: 8443, certFile: "/c", keyFile: "/k" });
    assert.deepEqual(settings.oidc?.roles["it-night"], { roles: ["operator"], partners: "*" });
    assert.equal(settings.oidc?.claim, "groups");
  });

  for (const [what, change, name] of [
    ["a host that is none", { HUILIU_CONSOLE_HOSTS: "a b" }, "HUILIU_CONSOLE_HOSTS"],
    ["a port that is none", { HUILIU_CONSOLE_TLS_PORT: "70000" }, "HUILIU_CONSOLE_TLS_PORT"],
    ["a provider in the clear", { ...OIDC, HUILIU_OIDC_ISSUER: "http://sso.hospital.example" }, "HUILIU_OIDC_ISSUER"],
    ["a provider without client", { ...OIDC, HUILIU_OIDC_CLIENT_ID: "" }, "HUILIU_OIDC_CLIENT_ID"],
    ["a provider without secret", { ...OIDC, HUILIU_OIDC_SECRET_FILE: undefined }, "HUILIU_OIDC_SECRET_FILE"],
    ["roles that are no JSON", { ...OIDC, HUILIU_OIDC_ROLES: "operator" }, "HUILIU_OIDC_ROLES"],
    ["a role that there is not", { ...OIDC, HUILIU_OIDC_ROLES: '{"x": {"roles": ["god"]}}' }, "HUILIU_OIDC_ROLES"],
    ["no role at all", { ...OIDC, HUILIU_OIDC_ROLES: "{}" }, "HUILIU_OIDC_ROLES"],
  ] as const)
    test(`refused by name: ${what}`, () => {
      const { problems } = readAccessSettings(change);
      assert.equal(problems.length, 1);
      assert.ok(problems[0]?.startsWith(name), problems[0]);
    });
});

describe("what a claim gives", () => {
  const roles = readAccessSettings(OIDC).settings.oidc?.roles ?? {};
  for (const [claim, wanted] of [
    [["it-night"], { roles: ["operator"], partners: "*" }],
    ["cash", { roles: ["viewer", "finance"], partners: ["his"] }],
    [["cash", "it-night"], { roles: ["viewer", "operator", "finance"], partners: "*" }],
    [["strangers", 5, null], { roles: [], partners: [] }],
    [undefined, { roles: [], partners: [] }],
    ["__proto__", { roles: [], partners: [] }],
    ["constructor", { roles: [], partners: [] }],
  ] as const)
    test(JSON.stringify(claim) ?? "none", () => assert.deepEqual(grantedBy(roles, claim), wanted));
});
