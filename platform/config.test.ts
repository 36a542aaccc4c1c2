import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigRefused, readConfig } from "./config.ts";

const good = {
  HUILIU_ROOT: "/opt/huiliu",
  HUILIU_DATA_DIR: "/opt/huiliu/.data",
  HUILIU_POSTGRES_URL: "postgres://u:p@127.0.0.1:5432/huiliu",
  HUILIU_AMQP_URL: "amqp://u:p@127.0.0.1:5672",
  HUILIU_REDIS_URL: "redis://:p@127.0.0.1:6379",
  HUILIU_CREDENTIALS_FILE: "/opt/huiliu/.data/credentials.json",
};

test("settings are read with their defaults", () => {
  const config = readConfig({ ...good, HUILIU_PARTNER_URLS: '{"his":"http://127.0.0.1:9"}' });
  assert.equal(config.profile, "development");
  assert.equal(config.gatewayPort, 0);
  assert.deepEqual(config.partnerUrls, { his: "http://127.0.0.1:9" });
});

test("every problem is listed at once, by the name the operator set", () => {
  assert.throws(
    () =>
      readConfig({
        ...good,
        HUILIU_POSTGRES_URL: undefined,
        HUILIU_PROFILE: "staging",
        HUILIU_GATEWAY_PORT: "80x",
        HUILIU_PARTNER_URLS: "{",
      }),
    (error) => {
      assert.ok(error instanceof ConfigRefused);
      for (const name of ["HUILIU_POSTGRES_URL", "HUILIU_PROFILE", "HUILIU_GATEWAY_PORT", "HUILIU_PARTNER_URLS"])
        assert.match(error.message, new RegExp(name));
      return true;
    },
  );
});

test("where people reach the console is an address without a path", () => {
  const read = (HUILIU_CONSOLE_URL: string) => readConfig({ ...good, HUILIU_CONSOLE_URL }).consoleUrl;
  for (const url of ["https://huiliu.hospital.cn", "https://10.1.2.3:8443", "http://localhost:9", "https://[fd00::1]:8443"])
    assert.equal(read(url), url);
  for (const url of ["huiliu.hospital.cn", "https://user:secret@huiliu", "https://huiliu/console", "ftp://huiliu", "https://a b", ""])
    assert.throws(() => read(url), /HUILIU_CONSOLE_URL/, url);
});
