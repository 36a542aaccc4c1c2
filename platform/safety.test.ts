import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isGuessable, isLoopback, type SafetyFacts, safetyProblems, safetyText } from "./safety.ts";

const secret = (seed: string): string => `k_${seed}${"Zq3vR8xLw0TfN5yHb2Mc".repeat(2)}`;
const proof = (name: string) => ({ key: secret(`${name}1`), amqpUser: name, amqpPassword: secret(`${name}2`) });
const GOOD_CONTENT = { token: secret("t"), partners: { his: proof("his") }, observer: { amqpUser: "observer", amqpPassword: secret("o") } };
const GOOD: SafetyFacts = {
  profile: "production",
  credentials: { file: "/etc/huiliu.json", content: GOOD_CONTENT, mode: 0o100600 },
  urls: {
    postgres: "postgres://huiliu:Zq3vR8xLw0TfN5yH@127.0.0.1/huiliu",
    amqp: "amqp://huiliu:Zq3vR8xLw0TfN5yH@localhost:5672/%2F",
    redis: "redis://:Zq3vR8xLw0TfN5yH@[::1]:6379",
  },
  host: "127.0.0.1",
  editorPort: undefined,
  partners: [{ partner: "his", url: "https://his.hospital.example/api" }],
  flows: { unreadable: [], nodes: [{ folder: "charges", id: "a", type: "huiliu-message-in", disabled: false }] },
};
const content = (change: object): SafetyFacts => ({
  ...GOOD,
  credentials: { ...GOOD.credentials, content: { ...GOOD_CONTENT, ...change } },
});
const urls = (change: SafetyFacts["urls"]): SafetyFacts => ({ ...GOOD, urls: { ...GOOD.urls, ...change } });
const node = (type: string, disabled = false): SafetyFacts => ({
  ...GOOD,
  flows: { unreadable: [], nodes: [{ folder: "f", id: "n1", type, disabled }] },
});
const partner = (url: string | undefined): SafetyFacts => ({ ...GOOD, partners: [{ partner: "his", url }] });
const codes = (facts: SafetyFacts): string[] => safetyProblems(facts).map(({ code, at }) => `${code} ${at}`);

const TLS = { host: "0.0.0.0", cert: "/etc/console.pem", key: "/etc/console.key", keyMode: 0o100600, fits: true };
const secretFile = (over: object): SafetyFacts => ({
  ...GOOD,
  secretFiles: [{ at: "/etc/oidc", readable: true, mode: 0o100600, ...over }],
});

/** Every fact that is wrong in production: what is said, and whether development says it too. */
const CASES: readonly (readonly [string, SafetyFacts, readonly string[], boolean])[] = [
  ["all is well", GOOD, [], false],
  ["the console under TLS", { ...GOOD, console: TLS }, [], false],
  ["the console in the clear", { ...GOOD, console: { ...TLS, cert: undefined } }, ["CONSOLE_WITHOUT_TLS HUILIU_CONSOLE_HOST"], true],
  ["a certificate of another key", { ...GOOD, console: { ...TLS, fits: false } }, ["CONSOLE_TLS_UNREADABLE HUILIU_CONSOLE_TLS_CERT"], true],
  ["a key for everybody", { ...GOOD, console: { ...TLS, keyMode: 0o100644 } }, ["SECRET_FILE HUILIU_CONSOLE_TLS_KEY"], true],
  ["the provider's secret", secretFile({}), [], false],
  ["the provider's secret for everybody", secretFile({ mode: 0o100640 }), ["SECRET_FILE /etc/oidc"], true],
  ["no secret of the provider", secretFile({ readable: false, mode: undefined }), ["SECRET_FILE /etc/oidc"], true],
  [
    "no file named",
    { ...GOOD, credentials: { file: undefined, content: undefined, mode: undefined } },
    ["CREDENTIALS_MISSING HUILIU_CREDENTIALS_FILE"],
    true,
  ],
  ["file not there", { ...GOOD, credentials: { file: "/x", content: undefined, mode: undefined } }, ["CREDENTIALS_MISSING /x"], true],
  ["readable by the group", { ...GOOD, credentials: { ...GOOD.credentials, mode: 0o100640 } }, ["CREDENTIALS_OPEN /etc/huiliu.json"], true],
  ["readable by all", { ...GOOD, credentials: { ...GOOD.credentials, mode: 0o100604 } }, ["CREDENTIALS_OPEN /etc/huiliu.json"], true],
  ["a list", { ...GOOD, credentials: { ...GOOD.credentials, content: [] } }, ["CREDENTIALS_SHAPE /etc/huiliu.json"], false],
  ["no observer", content({ observer: undefined }), ["CREDENTIALS_SHAPE /etc/huiliu.json"], false],
  ["no token", content({ token: undefined }), ["SECRET_SHORT token"], false],
  ["short token", content({ token: "Zq3vR8xLw0TfN5yHb2Mc" }), ["SECRET_SHORT token"], false],
  ["token of the manual", content({ token: "change-me-change-me-change-me" }), ["SECRET_GUESSABLE token"], false],
  ["token of one letter", content({ token: "x".repeat(40) }), ["SECRET_GUESSABLE token"], false],
  ["token of digits", content({ token: "123456789012345678901234567890" }), ["SECRET_GUESSABLE token"], false],
  [
    "a partner's key is its name",
    content({ partners: { his: { ...proof("his"), key: "his-key-his-key-his-key-2026" } } }),
    ["SECRET_GUESSABLE partners.his.key"],
    false,
  ],
  [
    "key and password are the same",
    content({ partners: { his: { key: secret("a"), amqpUser: "his", amqpPassword: secret("a") } } }),
    ["SECRET_SHARED partners.his.amqpPassword"],
    false,
  ],
  ["a partner without credentials", content({ partners: {} }), ["PARTNER_WITHOUT_CREDENTIALS partners.his"], false],
  [
    "database without password",
    urls({ postgres: "postgres://huiliu@127.0.0.1/huiliu" }),
    ["URL_WITHOUT_PASSWORD HUILIU_POSTGRES_URL"],
    false,
  ],
  ["broker's own guest", urls({ amqp: "amqp://guest:guest@127.0.0.1" }), ["URL_WITHOUT_PASSWORD HUILIU_AMQP_URL"], false],
  ["open Redis", urls({ redis: "redis://127.0.0.1:6379" }), ["URL_WITHOUT_PASSWORD HUILIU_REDIS_URL"], false],
  ["no address at all", urls({ redis: "redis//x" }), ["URL_UNREADABLE HUILIU_REDIS_URL"], false],
  ["database in the clear", urls({ postgres: "postgres://h:Zq3vR8xLw0TfN5yH@10.0.0.5/h" }), ["URL_PLAIN HUILIU_POSTGRES_URL"], false],
  [
    "database, TLS preferred only",
    urls({ postgres: "postgres://h:Zq3vR8xLw0TfN5yH@10.0.0.5/h?sslmode=prefer" }),
    ["URL_PLAIN HUILIU_POSTGRES_URL"],
    false,
  ],
  ["database over TLS", urls({ postgres: "postgres://h:Zq3vR8xLw0TfN5yH@10.0.0.5/h?sslmode=verify-full" }), [], false],
  ["broker in the clear", urls({ amqp: "amqp://h:Zq3vR8xLw0TfN5yH@mq.hospital.example" }), ["URL_PLAIN HUILIU_AMQP_URL"], false],
  ["broker over TLS", urls({ amqp: "amqps://h:Zq3vR8xLw0TfN5yH@mq.hospital.example" }), [], false],
  [
    "Redis in the clear, no password",
    urls({ redis: "redis://cache:6379" }),
    ["URL_WITHOUT_PASSWORD HUILIU_REDIS_URL", "URL_PLAIN HUILIU_REDIS_URL"],
    false,
  ],
  ["addresses not known yet", { ...GOOD, urls: {} }, [], false],
  ["partner in the clear", partner("http://10.1.2.3:8080/his"), ["PARTNER_PLAIN partners/his.json"], false],
  ["partner behind a plain DLL bridge", partner("dll://10.1.2.3:7070"), ["PARTNER_PLAIN partners/his.json"], false],
  ["partner behind a DLL bridge with TLS", partner("dlls://10.1.2.3:7070"), [], false],
  ["partner behind a proxy here", partner("http://127.0.0.1:8080/his"), [], false],
  ["partner's seed as it came", partner("http://127.0.0.1:1"), ["PARTNER_PLACEHOLDER partners/his.json"], false],
  ["partner's seed that names nobody", partner("https://his.example.invalid"), ["PARTNER_PLACEHOLDER partners/his.json"], false],
  ["partner we do not write to", partner(undefined), [], false],
  ["a name that only begins like loopback", partner("http://127.0.0.1.evil.example/"), ["PARTNER_PLAIN partners/his.json"], false],
  ["doors open to the network", { ...GOOD, host: "0.0.0.0" }, ["HOST_NOT_LOOPBACK HUILIU_HOST"], true],
  ["editor wanted", { ...GOOD, editorPort: 1880 }, ["EDITOR_PORT HUILIU_EDITOR_PORT"], false],
  ["any editor port", { ...GOOD, editorPort: 0 }, [], false],
  ["flow unreadable", { ...GOOD, flows: { unreadable: ["flows/x: flow.json is missing"], nodes: [] } }, ["FLOWS_UNREADABLE flows/x"], true],
  ...[
    "function",
    "exec",
    "file",
    "file in",
    "watch",
    "http request",
    "http in",
    "mqtt out",
    "tcp request",
    "websocket in",
    "somebody-elses",
  ].map((type) => [`node ${type}`, node(type), ["FLOW_NODE_FORBIDDEN flows/f n1"], false] as const),
  ["a function on a disabled tab", node("function", true), [], false],
  ...["catch", "switch", "link call", "subflow:abc", "huiliu-park", "comment", "tab"].map(
    (type) => [`node ${type}`, node(type), [], false] as const,
  ),
];

describe("settings that may not be started with", () => {
  for (const [name, facts, expected, development] of CASES)
    test(name, () => {
      assert.deepEqual(codes(facts), expected);
      assert.deepEqual(codes({ ...facts, profile: "development" }), development ? expected : []);
      for (const problem of safetyProblems(facts)) {
        assert.match(problem.zh + problem.nextZh, /[\u4e00-\u9fff]/);
        assert.ok(problem.en && problem.nextEn);
      }
    });

  test("all of them at once, in both languages, and no secret among the words", () => {
    const facts: SafetyFacts = {
      ...GOOD,
      credentials: {
        file: "/c.json",
        content: { token: "hunter2-hunter2", partners: { his: { key: "weak-weak", amqpPassword: "x" } } },
        mode: 0o644,
      },
      urls: { postgres: "postgres://h:tiger@db/h", amqp: "amqp://guest:guest@mq", redis: "redis://cache" },
      host: "::",
      editorPort: 1880,
      partners: [{ partner: "his", url: "http://user:sesame@his/api" }],
      flows: { unreadable: ["flows/bad: flow.json is missing"], nodes: [{ folder: "f", id: "n1", type: "exec", disabled: false }] },
    };
    const problems = safetyProblems(facts);
    assert.deepEqual(new Set(problems.map(({ code }) => code)).size, 10);
    const text = safetyText("production", problems);
    for (const hidden of ["hunter2", "weak-weak", "tiger", "guest:guest", "sesame"]) assert.ok(!text.includes(hidden), hidden);
    for (const { at } of problems) assert.ok(text.includes(at));
  });
});

describe("what a secret and a host look like", () => {
  for (const [text, guessable] of [
    ["password123", true],
    ["Admin@2026", true],
    ["abababababababab", true],
    ["000000", true],
    ["correct horse battery staple", false],
    ["operator_Zq3vR8xLw0TfN5yHb2McPd7KgJ1uXsQe", false],
  ] as const)
    test(`${text} ${guessable ? "is" : "is not"} guessable`, () => assert.equal(isGuessable(text), guessable));
  for (const [host, loopback] of [
    ["localhost", true],
    ["127.0.0.1", true],
    ["127.8.8.8", true],
    ["[::1]", true],
    ["0.0.0.0", false],
    ["10.0.0.1", false],
    ["localhost.example", false],
  ] as const)
    test(`${host} is ${loopback ? "" : "not "}loopback`, () => assert.equal(isLoopback(host), loopback));
});
